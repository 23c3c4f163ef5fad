import packageJson from "../package.json" with { type: "json" };

/** What documents name as their maker. */
export const TOOL = { name: packageJson.name, version: packageJson.version } as const;
