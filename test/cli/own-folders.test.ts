import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runtimeFolderIn, stateFolderIn } from "../../cli/own-folders.ts";

test.each<[string, Record<string, string>, string]>([
  ["the unit's own", { STATE_DIRECTORY: "/var/lib/lifeboat:/var/lib/other", XDG_STATE_HOME: "/s", HOME: "/h" }, "/var/lib/lifeboat"],
  ["the user's", { XDG_STATE_HOME: "/s", HOME: "/h" }, "/s/etcd-lifeboat"],
  ["the user's below the home", { XDG_STATE_HOME: "relative", HOME: "/h" }, "/h/.local/state/etcd-lifeboat"],
])("the folder for what is remembered is %s", (_, environment, expected) => expect(stateFolderIn(environment)).toBe(expected));

test("locks lie in XDG_RUNTIME_DIR only where it is there and this user's", () => {
  const fallback = join(tmpdir(), `lifeboat-${userInfo().uid}`);
  const own = homedir();
  for (const [folder, expected] of [
    [own, own],
    ["/proc/1/nowhere", fallback],
    ["relative", fallback],
  ] as const)
    expect(runtimeFolderIn({ XDG_RUNTIME_DIR: folder })).toBe(expected);
  expect(runtimeFolderIn({})).toBe(fallback);
});
