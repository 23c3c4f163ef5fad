import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";

interface Lock {
  readonly packages: Readonly<Record<string, object>>;
}

// Plain JavaScript without declarations, as the whole of set-up.
const module: unknown = await import(new URL("../../tools/setup/lock-file.mjs", import.meta.url).href);
const { missingOptionals } = module as { missingOptionals: (lock: Lock) => Record<string, object> };

describe("optional packages that a lock lacks", () => {
  test("are those that Node would not find from where they are asked for", () => {
    const packages = {
      "": { optionalDependencies: { "top-linux-x64": "1.0.0" } },
      "node_modules/a": {
        dev: true,
        optionalDependencies: { "@b/binding-linux-arm-musleabihf": "2.0.0", "@b/darwin-arm64": "2.0.0", "c-linux-x64": "3.0.0" },
      },
      "node_modules/a/node_modules/c-linux-x64": { version: "3.0.0" },
      "node_modules/@b/darwin-arm64": { version: "2.0.0" },
      "node_modules/a/node_modules/d": {
        optionalDependencies: { "c-linux-x64": "3.0.0", "@b/darwin-arm64": "2.0.0", "e-win32-x64-msvc": "1.2.3-rc.1" },
      },
    };
    expect(missingOptionals({ packages })).toEqual({
      "node_modules/top-linux-x64": { version: "1.0.0", cpu: ["x64"], os: ["linux"], optional: true },
      "node_modules/@b/binding-linux-arm-musleabihf": {
        version: "2.0.0",
        cpu: ["arm"],
        os: ["linux"],
        libc: ["musl"],
        dev: true,
        optional: true,
      },
      "node_modules/e-win32-x64-msvc": { version: "1.2.3-rc.1", cpu: ["x64"], os: ["win32"], optional: true },
    });
  });

  test("are refused where they cannot be pinned or placed", () => {
    const asking = (name: string, version: string) => () =>
      missingOptionals({ packages: { "node_modules/a": { optionalDependencies: { [name]: version } } } });
    expect(asking("b-linux-x64", "^1.0.0")).toThrow("node_modules/a asks for b-linux-x64 ^1.0.0, which is no exact version");
    expect(asking("b", "1.0.0")).toThrow("the name b does not say for which system it is");
  });

  test("are none in ours (else npm ci fails in a fresh clone: run `node tools/complete-lock.mjs`)", async () => {
    const lock = JSON.parse(await readFile(new URL("../../package-lock.json", import.meta.url), "utf8")) as Lock;
    expect(Object.keys(missingOptionals(lock))).toEqual([]);
  });
});
