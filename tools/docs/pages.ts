import { fileURLToPath } from "node:url";
import { apiPage } from "./api-page.ts";

const ROOT = new URL("../../", import.meta.url);

/** The pages that are generated, wholly or in parts, as they should be. */
export const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  "docs/api-infra.md": () => apiPage(fileURLToPath(new URL("infra/index.ts", ROOT))),
};
