import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { fill } from "../../etcd/support/fill.ts";
import { lifeboat } from "../../support/lifeboat.ts";
import type { Outcome } from "../../support/lifeboat.ts";
import { lifeboatHere } from "../../support/lifeboat-here.ts";
import { expectBackup, newPlace } from "../../support/place.ts";
import { signalled } from "../../support/signalled.ts";

/** kill -9 of what writes outside the store. `npm test` kills init before two of its calls, `npm run test:exhaustive` before each. */

const CALLS = ["requireFree 1", "newIdentity 1", "createKeys 1", "makeFolder 1", "markStore 1", "writeNew 1", "writeNew 2"];
/** Nothing is in the way of another one, or the most. */
const SOME_CALLS = ["createKeys 1", "writeNew 2"];

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

export function killExportAndInitTests({ all }: { readonly all: boolean }): void {
  describe("kill -9 in the middle of an export", () => {
    let cluster: EtcdCluster;
    beforeAll(async () => {
      cluster = await startCluster({ version: "3.6" });
      await fill(cluster, 12);
    });
    afterAll(() => cluster.stop());

    test("leaves no file of that name; what it leaves is for its owner only, is pointed to, and is in nobody's way", async () => {
      const place = await newPlace(cluster, folder.path, "export");
      await expectBackup(place);
      const line = ["export", "prod/latest", "--out", "out.db"];
      expect(await signalled("SIGKILL", "bytes 9000000", line, place.options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
      const [left = "", ...more] = (await readdir(place.options.cwd)).filter((name) => name.includes("out.db"));
      expect(more).toEqual([]);
      expect(left).toMatch(/^\.out\.db\.[0-9a-f]{8}-\d+-\d+-[0-9a-f]{12}\.partial$/);
      const { mode, size } = await stat(place.path(left));
      expect(mode & 0o777).toBe(0o600);
      expect(size).toBeGreaterThan(0);

      // The beginning of the whole, with its secrets.
      const beginning = await readFile(place.path(left));
      const { code, stderr } = await lifeboat(line, place.options);
      expect(code).toBe(0);
      expect(stderr).toContain(`removed ${place.path(left)}, left by a killed export`);
      expect((await readFile(place.path("out.db"))).subarray(0, size).equals(beginning)).toBe(true);
      expect((await readdir(place.options.cwd)).filter((name) => name.includes("out.db"))).toEqual(["out.db"]);
    });

    test("to standard output gives the very bytes and nothing else; what was cut off says so and does not end with 0", async () => {
      const place = await newPlace(cluster, folder.path, "stdout");
      await expectBackup(place);
      await place.here("export", "prod/latest", "--out", "./-");
      const whole = await readFile(place.path("-"));
      const shell = (script: string): Promise<Outcome> =>
        lifeboat(["export", "prod/latest", "--out", "-"], { ...place.options, through: ["bash", "-o", "pipefail", "-c", script, "bash"] });
      const piped = await shell('"$@" | cat > piped.db');
      expect(piped).toMatchObject({ code: 0, stdout: "" });
      expect(piped.stderr).toContain("lifeboat: wrote to standard output: prod/");
      expect((await readFile(place.path("piped.db"))).equals(whole)).toBe(true);

      const early = await shell('"$@" | head -c 1000000 > early.db');
      expect(early.code).toBe(2);
      expect(early.stderr).toContain("lifeboat: standard output got only part of the snapshot: delete it");
      expect(early.stderr).toContain("cannot write to standard output: ");

      expect(await place.here("export", "prod/latest", "--out", "-", "--json")).toMatchObject({ code: 2 });
    });
  });

  describe("kill -9 in the middle of init leaves nothing that a command takes for whole, and the way out that is told leads out", () => {
    const line = ["init", "--cluster", "prod", "--endpoint", "https://10.0.0.1:2379"];

    test.each(all ? CALLS : SOME_CALLS)("before its %s", async (call) => {
      const cwd = folder.path;
      const options = { cwd: `${cwd}/init-${call.replace(" ", "-")}` };
      await lifeboatHere(["init", "--dir", options.cwd], { cwd });
      for (const name of await readdir(options.cwd)) await rm(`${options.cwd}/${name}`, { recursive: true });

      expect(await signalled("SIGKILL", `init ${call}`, line, options)).toMatchObject({ signal: "SIGKILL", stdout: "" });
      expect(await readdir(options.cwd)).not.toContain("lifeboat.yaml");
      const used = await lifeboatHere(["backup", "prod"], options);
      expect(used).toMatchObject({ code: 2, stdout: "" });
      expect(used.stderr).toContain("configuration lifeboat.yaml not found");

      let again = await lifeboatHere(line, options);
      const aside: string[] = [];
      while (again.code === 2) {
        expect(again.stderr).toContain("hint: name another file, or move that one away");
        const inTheWay = /lifeboat: (\S+) is already there/.exec(again.stderr)?.[1] ?? "";
        await rename(inTheWay, `${inTheWay}.aside`);
        aside.push(inTheWay.slice(options.cwd.length + 1));
        again = await lifeboatHere(line, options);
      }
      expect(again.code).toBe(0);
      expect(aside).toEqual(
        ["requireFree 1", "newIdentity 1", "createKeys 1"].includes(call)
          ? []
          : call === "writeNew 2"
            ? ["break-glass.key", "keys"]
            : ["keys"],
      );
      expect(await lifeboatHere(["keys"], options)).toMatchObject({ code: 0 });
      expect(await lifeboatHere(["ls"], options)).toMatchObject({ code: 0 });
    });
  });
}
