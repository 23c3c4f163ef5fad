import { copyFile, mkdir, symlink } from "node:fs/promises";
import { STAND_IN } from "../store/kopia/program-under-test.ts";
import type { Reachable } from "./initialise.ts";
import { newPlace } from "./place.ts";
import type { Place } from "./place.ts";

/** A real kopia, where LIFEBOAT_TEST_KOPIA names one. */
export const { LIFEBOAT_TEST_KOPIA: REAL_KOPIA } = process.env;

/** A place whose store is a Kopia repository in its folder `repository`, not made yet; manifests are in `vault`. The program in its folder `tools` is the real kopia or the stand-in. */
export async function newKopiaPlace(cluster: Reachable, folder: string, name: string): Promise<Place> {
  const place = await newPlace(cluster, folder, name);
  await mkdir(place.path("tools"));
  if (REAL_KOPIA === undefined) await copyFile(STAND_IN, place.path("tools/kopia"));
  else await symlink(REAL_KOPIA, place.path("tools/kopia"));
  await place.edit("lifeboat.yaml", (text) =>
    text
      .replace(
        /^store:.*(\n {2}.*)*$/m,
        "store:\n  kind: kopia\n  repository: { kind: filesystem, path: ./repository }\n  manifests: { kind: directory, path: ./vault }",
      )
      .replace(/^tools:.*$/m, "tools: { dir: ./tools }"),
  );
  return place;
}
