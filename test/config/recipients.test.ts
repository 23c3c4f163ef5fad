import { describe, expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { parseNodes } from "../../shared/config/nodes-schema.ts";
import { recipientsOf } from "../../shared/jobs/bundle/recipients.ts";
import { newIdentity } from "../../shared/seal/age.ts";
import { fitting } from "../support/matchers.ts";

const [ONE, TWO] = await Promise.all([newIdentity(), newIdentity()]);
const BASE = "version: 1\nstore: { kind: directory, path: ./vault }\nkeys: { kind: local, path: ./keys }\nclusters: {}\n";

describe("recipients in lifeboat.yaml", () => {
  test("are none where nobody is listed, and others are allowed", () => {
    expect(parseConfig(BASE, "lifeboat.yaml")).toMatchObject({ recipients: {}, desk: { unenrolled: "allow" } });
  });

  test.each([
    ["a name with capitals", `recipients: { Node: "${ONE.recipient}" }`, /recipient's name has lower-case letters/],
    [
      "a name for those that are not listed",
      `recipients: { unenrolled-1: "${ONE.recipient}" }`,
      /unenrolled-\.\.\. is what recipients are called/,
    ],
    ["a key that is none", "recipients: { a: age1xyz }", /recipient a is not a valid age recipient/],
    ["a secret key", `recipients: { a: "${ONE.identity}" }`, /expected an age recipient/],
    ["one key under two names", `recipients: { a: "${ONE.recipient}", b: "${ONE.recipient}" }`, /recipients a and b have one key/],
    ["a policy that is none", "desk: { unenrolled: maybe }", /expected one of allow, refuse/],
  ])("are refused with %s", (_what, text, message) => {
    expect(() => parseConfig(`${BASE}${text}\n`, "lifeboat.yaml")).toThrow(message);
    expect(() => parseConfig(`${BASE}${text}\n`, "lifeboat.yaml")).not.toThrow(ONE.identity);
  });
});

describe("for whom a bundle is", () => {
  const config = parseConfig(`${BASE}recipients: { cp-1: "${ONE.recipient}" }\n`, "lifeboat.yaml");
  const request = { names: [], unenrolled: [], reason: undefined };

  test("is whoever is named", () => {
    expect(recipientsOf(config, { names: ["cp-1"], unenrolled: [TWO.recipient], reason: "the node is new" })).toEqual([
      { name: "cp-1", key: ONE.recipient, enrolled: true },
      { name: fitting(/^unenrolled-[0-9a-f]{8}$/), key: TWO.recipient, enrolled: false },
    ]);
  });

  test.each([
    ["nobody", {}, "usage", /give --recipient NAME \(cp-1\)/],
    ["an unknown name", { names: ["cp-2"] }, "usage", /did you mean cp-1/],
    ["one twice", { names: ["cp-1", "cp-1"] }, "usage", /once/],
    ["one that is not enrolled without a reason", { unenrolled: [TWO.recipient] }, "usage", /who it is and why/],
    ["an enrolled one as if it were not", { unenrolled: [ONE.recipient], reason: "x" }, "usage", /--recipient cp-1/],
  ])("is not %s", (_what, fields, code, hint) => {
    expect(() => recipientsOf(config, { ...request, ...fields })).toThrow(expect.objectContaining({ code, hint: fitting(hint) }));
  });

  test("is nobody else at a desk that refuses them", () => {
    const strict = parseConfig(`${BASE}desk: { unenrolled: refuse }\n`, "lifeboat.yaml");
    expect(() => recipientsOf(strict, { ...request, unenrolled: [TWO.recipient], reason: "x" })).toThrow(
      expect.objectContaining({ code: "config/invalid" }),
    );
  });
});

describe("a nodes file", () => {
  const NODE = 'name: cp-1\n    peerUrls: ["https://10.0.0.1:2380"]\n    clientUrls: ["https://10.0.0.1:2379"]';

  test("gives the members, by name", () => {
    expect(
      parseNodes(
        `nodes:\n  - ${NODE.replaceAll("1", "2")}\n    layout: systemd\n    dataDir: /var/lib/etcd\n    service: etcd\n  - ${NODE}\n`,
        "nodes.yaml",
      ),
    ).toMatchObject([
      { name: "cp-1", layout: "auto", dataDir: undefined, service: undefined },
      { name: "cp-2", layout: "systemd", dataDir: "/var/lib/etcd", service: "etcd" },
    ]);
  });

  test.each([
    ["no node", "nodes: []", /nodes\.yaml:1: nodes: at least one node/],
    ["an unknown setting", `nodes:\n  - ${NODE}\n    dir: /x\n`, /unknown setting "dir"/],
    ["a URL with a path", `nodes:\n  - ${NODE.replace("2380", "2380/x")}\n`, /expected a URL of scheme, host and port/],
    ["a name for a shell", `nodes:\n  - ${NODE.replace("cp-1", "$(id)")}\n`, /a member's name has/],
    ["a relative folder", `nodes:\n  - ${NODE}\n    dataDir: var/lib/etcd\n`, /absolute path/],
    ["a folder with ..", `nodes:\n  - ${NODE}\n    dataDir: /var/../etc\n`, /without \.\./],
    ["two of one name", `nodes:\n  - ${NODE}\n  - ${NODE}\n`, /two members are called cp-1/],
    ["one peer URL twice", `nodes:\n  - ${NODE}\n  - ${NODE.replace("cp-1", "cp-2")}\n`, /two members have the peer URL/],
    ["another layout", `nodes:\n  - ${NODE}\n    layout: docker\n`, /expected one of auto, static-pod, systemd, bare/],
  ])("is refused with %s", (_what, text, message) => {
    expect(() => parseNodes(text, "nodes.yaml")).toThrow(message);
  });
});
