import { expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { renderConfig } from "../../shared/config/template.ts";
import { LifeboatError } from "../../shared/errors.ts";

const RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const fingerprint = (byte: string): string => `sha256:${byte.repeat(32)}`;
const FINGERPRINTS = { snapshot: fingerprint("ab"), audit: fingerprint("cd"), bundle: fingerprint("ef") };

const MINIMAL = `version: 1
store: { kind: directory, path: ./vault }
keys: { kind: local, path: ./keys }
clusters:
  prod:
    endpoints: [https://10.0.0.1:2379]
`;

function refusal(text: string): string {
  try {
    parseConfig(text, "lifeboat.yaml");
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "config/invalid") return error.message;
    throw error;
  }
  throw new Error("the configuration was taken");
}

const KMS = `keys: { kind: kms, wrap: alias/wrap, sign: { snapshot: alias/s, audit: alias/a, bundle: alias/b }, region: eu-central-1 }`;
const withKeys = (keys: string): string => MINIMAL.replace(/^keys.*$/m, keys);

test("keys are in KMS where the configuration says so, by alias, ARN or id", () => {
  expect(parseConfig(withKeys(KMS), "lifeboat.yaml").keys).toEqual({
    kind: "kms",
    wrap: "alias/wrap",
    retired: [],
    sign: { snapshot: "alias/s", audit: "alias/a", bundle: "alias/b" },
    region: "eu-central-1",
  });
  for (const key of [
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a/b",
    "mrk-1234abcd12ab34cd56ef1234567890ab",
    "1234abcd-12ab-34cd-56ef-1234567890ab",
  ])
    expect(parseConfig(withKeys(KMS.replace("alias/wrap", key)), "lifeboat.yaml").keys).toMatchObject({ wrap: key });
});

test("programs are looked for in a folder of one's own only where it is named", () => {
  expect(parseConfig(MINIMAL, "lifeboat.yaml").tools).toEqual({});
  expect(parseConfig(`${MINIMAL}tools: { dir: ./tools }\n`, "lifeboat.yaml").tools).toEqual({ dir: "./tools" });
});

test("the defaults are the documented ones", () => {
  const { prod } = parseConfig(MINIMAL, "lifeboat.yaml").clusters;
  expect(prod).toEqual({
    labels: {},
    endpoints: ["https://10.0.0.1:2379"],
    verify: { confirm: "wanted", indexFrom: 67_108_864, deepVerify: 0 },
    drill: {},
    nodeFiles: {},
    timeouts: { connect: 5000, call: 10_000, idle: 30_000, total: 3_600_000, hashKv: 120_000 },
    agreement: "quorum",
    schedule: { rate: 3_600_000 },
    retention: { latest: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, annual: 1, minAge: 86_400_000, keepUnverified: 604_800_000 },
    rpo: 7_200_000,
    service: { databaseSize: 2 ** 31, megabytesPerSecond: 40, grace: 900_000, network: "default" },
    timeZone: "UTC",
  });
});

test("drills and deep verifications are asked for by periods", () => {
  const given = (settings: string) => parseConfig(`${MINIMAL}    ${settings}\n`, "lifeboat.yaml").clusters["prod"];
  expect(given("drill: { every: 7d }")).toMatchObject({ drill: { every: 604_800_000 } });
  expect(given("verify: { deepVerify: 90m }")).toMatchObject({ verify: { deepVerify: 5_400_000 } });
  expect(given("verify: { deepVerify: always }")).toMatchObject({ verify: { deepVerify: 0 } });
  expect(() => given("verify: { deepVerify: 2h }")).toThrow("verify.deepVerify: it must be shorter than rpo");
  expect(() => given("verify: { deepVerify: never }")).toThrow("expected always, or a duration");
  expect(() => given("drill: { each: 7d }")).toThrow('unknown setting "each"');
  expect(given("nodeFiles: { every: 1d }")).toMatchObject({ nodeFiles: { every: 86_400_000 } });
});

test("init writes every setting at the value that it has when left out", () => {
  const text = renderConfig({
    store: "./vault",
    keys: "./keys",
    breakGlass: RECIPIENT,
    trustedKeys: FINGERPRINTS,
    cluster: { name: "prod", endpoints: ["https://10.0.0.1:2379"], ca: "ca.pem", cert: "a b.pem", key: "#key.pem" },
  });
  const written = parseConfig(text, "lifeboat.yaml");
  const { tls, ...settings } = written.clusters["prod"] ?? {};
  expect(settings).toEqual(parseConfig(MINIMAL, "lifeboat.yaml").clusters["prod"]);
  expect(tls).toEqual({ ca: "file:ca.pem", cert: "file:a b.pem", key: "file:#key.pem" });
  expect(written.breakGlass).toEqual([RECIPIENT]);
  expect(written.tools).toEqual(parseConfig(MINIMAL, "lifeboat.yaml").tools);
  for (const name of ["timeouts", "schedule", "retention", "rpo", "timeZone"]) expect(text).toMatch(new RegExp(`^ {4}${name}:`, "m"));
});

test("init without a cluster writes an example that would be taken", () => {
  const text = renderConfig({
    store: "./vault",
    keys: "./keys",
    breakGlass: RECIPIENT,
    trustedKeys: FINGERPRINTS,
    cluster: undefined,
  });
  expect(parseConfig(text, "lifeboat.yaml").clusters).toEqual({});
  const commented = text.slice(text.indexOf("#   clusters:"), text.indexOf("clusters: {}"));
  const example = commented.replaceAll(/^# {0,3}/gm, "").replaceAll(/^ (?=\S)/gm, "");
  const whole = `version: 1\nstore: { kind: directory, path: v }\nkeys: { kind: local, path: k }\n${example}`;
  expect(Object.keys(parseConfig(whole, "example").clusters)).toEqual(["prod"]);
});

test.each([
  [
    "an unknown setting with a near name",
    MINIMAL.replace("endpoints:", "endpoint:"),
    /^lifeboat\.yaml:6: clusters\.prod\.endpoint: unknown setting "endpoint"; did you mean "endpoints"\?$/m,
  ],
  [
    "an unknown setting without one",
    `${MINIMAL}frobnicate: 1\n`,
    /^lifeboat\.yaml:7: frobnicate: unknown setting "frobnicate"; known here: version, store, keys/m,
  ],
  ["a folder of programs that is none", `${MINIMAL}tools: { dir: "" }\n`, /^lifeboat\.yaml:7: tools\.dir: /m],
  ["a missing section", MINIMAL.replace(/^store.*\n/m, ""), /^lifeboat\.yaml:1: store: /m],
  ["another version", MINIMAL.replace("version: 1", "version: 2"), /^lifeboat\.yaml:1: version: expected 1/m],
  [
    "a store that is not built",
    MINIMAL.replace("kind: directory, path: ./vault", "kind: tape, path: x"),
    /^lifeboat\.yaml:2: store\.kind: expected \{ kind: directory, path/m,
  ],
  ["keys of an unknown kind", MINIMAL.replace("kind: local", "kind: vault"), /^lifeboat\.yaml:3: keys\.kind: expected \{ kind: local/m],
  [
    "a folder for keys in KMS",
    withKeys(KMS.replace("region:", "path: ./keys, region:")),
    /^lifeboat\.yaml:3: keys\.path: unknown setting "path"/m,
  ],
  [
    "keys in KMS without a region",
    withKeys(KMS.replace(", region: eu-central-1", "")),
    /^lifeboat\.yaml:3: keys\.region: expected a region/m,
  ],
  ["a purpose without a key", withKeys(KMS.replace(", bundle: alias/b", "")), /^lifeboat\.yaml:3: keys\.sign\.bundle: /m],
  [
    "one key for two purposes",
    withKeys(KMS.replace("alias/b", "alias/a")),
    /^lifeboat\.yaml:3: keys\.sign: each purpose needs a key of its own/m,
  ],
  [
    "a key that is named by nothing KMS knows",
    withKeys(KMS.replace("alias/wrap", "wrap")),
    /^lifeboat\.yaml:3: keys\.wrap: expected a KMS key/m,
  ],
  [
    "an address of KMS that is none",
    withKeys(KMS.replace("region:", "endpoint: kms.example, region:")),
    /^lifeboat\.yaml:3: keys\.endpoint: expected an address/m,
  ],
  [
    "an address of KMS that holds a secret",
    withKeys(KMS.replace("region:", "endpoint: 'https://:hidden@kms.example', region:")),
    /^lifeboat\.yaml:3: keys\.endpoint: expected an address such as https:\/\/kms\.example:4566, without credentials$/m,
  ],
  [
    "a field of a secret without a name",
    `${MINIMAL}    auth: { username: root, password: "secretsmanager:etcd#" }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.auth\.password: expected a reference/m,
  ],
  [
    "an endpoint without a scheme",
    MINIMAL.replace("https://10.0.0.1:2379", "10.0.0.1:2379"),
    /^lifeboat\.yaml:6: clusters\.prod\.endpoints\.0: "10\.0\.0\.1:2379" is not an endpoint/m,
  ],
  ["an endpoint without a port", MINIMAL.replace(":2379", ""), /clusters\.prod\.endpoints\.0: "https:\/\/10\.0\.0\.1" has no port/],
  [
    "a wrong word for confirm",
    `${MINIMAL}    verify: { confirm: maybe }\n`,
    /clusters\.prod\.verify\.confirm: expected one of required, wanted, off/,
  ],
  [
    "a wrong setting of verify",
    `${MINIMAL}    verify: { endpoint: [] }\n`,
    /clusters\.prod\.verify\.endpoint: unknown setting "endpoint"; did you mean "endpoints"/,
  ],
  [
    "an endpoint of the verifier that is none",
    `${MINIMAL}    verify: { endpoints: [a] }\n`,
    /clusters\.prod\.verify\.endpoints\.0: "a" is not an endpoint/,
  ],
  [
    "a secret of the verifier in clear",
    `${MINIMAL}    verify: { auth: { username: v, password: hunter2 } }\n`,
    /clusters\.prod\.verify\.auth\.password: expected a reference/,
  ],
  [
    "tls of the verifier for plain http",
    `${MINIMAL}    verify: { endpoints: ["http://a:2379"], tls: { serverName: x } }\n`,
    /clusters\.prod\.verify\.tls: tls is set, but every endpoint is http/,
  ],
  [
    "a confirmation without an agreement",
    `${MINIMAL}    agreement: off\n    verify: { confirm: required }\n`,
    /clusters\.prod\.verify\.confirm: required needs an agreement/,
  ],
  ["an endpoint with a path", MINIMAL.replace(":2379", ":2379/v3"), /has a path/],
  [
    "the same endpoint twice",
    MINIMAL.replace("[https://10.0.0.1:2379]", "[https://a:1, https://a:1]"),
    /clusters\.prod\.endpoints: an endpoint is listed twice/,
  ],
  ["no endpoint", MINIMAL.replace("[https://10.0.0.1:2379]", "[]"), /at least one endpoint/],
  [
    "a secret in place of a reference",
    `${MINIMAL}    auth: { username: root, password: hunter2 }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.auth\.password: expected a reference/m,
  ],
  [
    "a certificate without its key",
    `${MINIMAL}    tls: { cert: "file:c.pem" }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.tls: cert and key go together/m,
  ],
  [
    "tls for plain http",
    MINIMAL.replace("https:", "http:").concat("    tls: { serverName: x }\n"),
    /tls is set, but every endpoint is http/,
  ],
  ["a duration without a unit", `${MINIMAL}    rpo: "120"\n`, /^lifeboat\.yaml:7: clusters\.prod\.rpo: "120" is not a duration/m],
  ["a duration of nothing", `${MINIMAL}    rpo: 0s\n`, /"0s" is not a duration/],
  ["an unknown time zone", `${MINIMAL}    timeZone: Mars/Olympus\n`, /expected a time zone/],
  ["a negative count", `${MINIMAL}    retention: { daily: -1 }\n`, /^lifeboat\.yaml:7: clusters\.prod\.retention\.daily: /m],
  [
    "a retention that keeps nothing",
    `${MINIMAL}    retention: { latest: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, annual: 0 }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.retention: every count is 0, and nothing would be kept but the newest good snapshot: set at least one of latest, hourly, daily, weekly, monthly, annual to 1 or more$/m,
  ],
  [
    "a least age that is none",
    `${MINIMAL}    retention: { minAge: 1 }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.retention\.minAge: 1 is not a duration such as/m,
  ],
  ["a cluster's name with a slash", MINIMAL.replace("prod:", "a/b:"), /^lifeboat\.yaml:5: clusters\.a\/b: a cluster's name has/m],
  ["a recipient that is none", `${MINIMAL}breakGlass: [age1foo]\n`, /^lifeboat\.yaml:7: breakGlass: .*age1foo/m],
  [
    "a fingerprint that is none",
    `${MINIMAL}trustedKeys: { snapshot: [abc] }\n`,
    /^lifeboat\.yaml:7: trustedKeys\.snapshot\.0: expected a fingerprint/m,
  ],
  [
    "a key that ends at no time",
    `${MINIMAL}trustedKeys: { snapshot: [{ key: "${FINGERPRINTS.snapshot}", notAfter: tomorrow }] }\n`,
    /^lifeboat\.yaml:7: trustedKeys\.snapshot\.0\.notAfter: expected a time such as/m,
  ],
  [
    "a key with a setting that is none",
    `${MINIMAL}trustedKeys: { audit: [{ key: "${FINGERPRINTS.audit}", until: x }] }\n`,
    /^lifeboat\.yaml:7: trustedKeys\.audit\.0\b.*unknown setting "until"/m,
  ],
  ["YAML that is broken", `${MINIMAL}\n  : : [`, /^lifeboat\.yaml:\d+: /m],
  ["a setting that stands twice", `${MINIMAL}version: 1\n`, /^lifeboat\.yaml:7: version is set twice in the same place$/],
  ["an empty file", "", /^lifeboat\.yaml:1: the file is empty$/],
  ["a file of comments", "# nothing\n", /^lifeboat\.yaml:1: the file is empty$/],
  ["a file that is no text", "\0\u0001PNG", /^lifeboat\.yaml:1: this is not a text file$/],
  ["a list", "- a\n", /^lifeboat\.yaml:1: expected settings \(name: value\), found a list$/],
  ["two documents", `${MINIMAL}---\n${MINIMAL}`, /^lifeboat\.yaml:7: a second document begins here \(---\)/],
  [
    "a quote that nothing closes",
    MINIMAL.replace("./vault", '"./vault'),
    /^lifeboat\.yaml:2: a quote \("\) is opened here and not closed on this line$/,
  ],
  [
    "a quote that the next one closes, some lines later",
    `${MINIMAL.replace("prod:", "prod: # 'twas")}    rpo: 'x\n    tls: {}\n    timeZone: 'UTC'\n`,
    /^lifeboat\.yaml:7: a quote \('\) is opened here/,
  ],
  [
    "a quote whose end makes it valid, and takes settings with it",
    `${MINIMAL}    timeZone: "UTC\n      tls: x\n      rpo: 2h"\n`,
    /^lifeboat\.yaml:7: a quote \("\) is opened here and not closed on this line\nlifeboat\.yaml:7: clusters\.prod\.timeZone: expected a time zone/,
  ],
  ["a bracket that nothing closes", MINIMAL.replace("2379]", "2379"), /^lifeboat\.yaml:6: a \[ is opened here and not closed$/],
  ["a brace that nothing closes", MINIMAL.replace("./keys }", "./keys"), /^lifeboat\.yaml:3: a \{ is opened here and not closed$/],
  ["a brace that is closed twice", MINIMAL.replace("./keys }", "./keys }}"), /^lifeboat\.yaml:3: this is not expected here; [^\n]*$/],
  ["a tab", MINIMAL.replace("    endpoints", "\tendpoints"), /^lifeboat\.yaml:6: a tab is at the beginning of the line/],
  ["a wrong column", `${MINIMAL}      rpo: 2h\n`, /^lifeboat\.yaml:7: the line does not begin at the same column/],
  [
    "no space after a colon",
    MINIMAL.replace("version: 1", "version:1"),
    /^lifeboat\.yaml:1: this is not a setting: a setting is a name, a colon, a space/,
  ],
  ["two colons", `${MINIMAL}    rpo: 2h: 3\n`, /^lifeboat\.yaml:7: there is a second colon/],
  ["a value that begins with @", `${MINIMAL}    rpo: @2h\n`, /^lifeboat\.yaml:7: a value that begins with @ must stand in quotes$/],
  ["a value that begins with *", `${MINIMAL}    rpo: *2h\n`, /^lifeboat\.yaml:7: \*2h refers to nothing; put a value that begins with \*/],
  ["a value that begins with !", `${MINIMAL}    rpo: !2h x\n`, /^lifeboat\.yaml:7: !2h is a tag that means nothing here/],
  [
    "a section without anything",
    MINIMAL.replace(/^clusters[^]*$/m, "clusters:\n"),
    /^lifeboat\.yaml:4: clusters: expected names with settings below them, and there is nothing$/,
  ],
  [
    "text for a list",
    MINIMAL.replace("[https://10.0.0.1:2379]", "https://10.0.0.1:2379"),
    /^lifeboat\.yaml:6: clusters\.prod\.endpoints: expected a list, found text$/,
  ],
  ["a number for a duration", `${MINIMAL}    rpo: 120\n`, /^lifeboat\.yaml:7: clusters\.prod\.rpo: 120 is not a duration/],
  [
    "a fraction",
    `${MINIMAL}    retention: { daily: 1.5 }\n`,
    /^lifeboat\.yaml:7: clusters\.prod\.retention\.daily: expected a whole number, found 1\.5$/,
  ],
  ["nothing for a path", MINIMAL.replace("./vault", '""'), /^lifeboat\.yaml:2: store\.path: it is empty$/],
])("%s is told by file, line and setting", (_name, text, message) => expect(refusal(text)).toMatch(message));

test("a password in an endpoint is refused and not repeated", () => {
  const message = refusal(MINIMAL.replace("https://10.0.0.1", "https://root:hunter2@10.0.0.1"));
  expect(message).toContain("must not hold a user name or password");
  expect(message).not.toContain("hunter2");
});

test("everything that is wrong is told at once", () => {
  const message = refusal(MINIMAL.replace("version: 1", "version: 3").replace(":2379", ""));
  expect(message.split("\n")).toHaveLength(2);
});

test("a key with notAfter is listed like the others, and ends then", () => {
  const text = `${MINIMAL}trustedKeys:\n  snapshot:\n    - "${FINGERPRINTS.snapshot}"\n    - { key: "${FINGERPRINTS.bundle}", notAfter: 2026-11-28T01:00:00+01:00 }\n`;
  expect(parseConfig(text, "lifeboat.yaml").trustedKeys).toEqual({
    snapshot: [FINGERPRINTS.snapshot, FINGERPRINTS.bundle],
    audit: [],
    bundle: [],
    ends: { [FINGERPRINTS.bundle]: "2026-11-28T00:00:00.000Z" },
  });
});
