import { expect, test } from "vitest";
import { parseConfig } from "../../shared/config/load.ts";
import { failureOf } from "../support/blobs.ts";

const RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

const configuration = (replicas: string, breakGlass = `[${RECIPIENT}]`): string =>
  `version: 1\nstore: { kind: directory, path: ./vault }\nkeys: { kind: local, path: ./keys }\nbreakGlass: ${breakGlass}\nreplicas:\n${replicas}clusters: {}\n`;

async function refusal(text: string): Promise<string> {
  const failure = await failureOf((async () => parseConfig(text, "lifeboat.yaml"))());
  expect(failure).toMatchObject({ code: "config/invalid" });
  return failure.message;
}

test("replicas are stores with a name, each with a wrapping key of its own or not", () => {
  const { replicas } = parseConfig(
    configuration(`  - name: shelf
    store: { kind: directory, path: /mnt/shelf }
    wrap: { kind: local, recipient: ${RECIPIENT} }
  - name: offsite-2
    store: { kind: s3, bucket: offsite, region: eu-west-1, lock: { mode: compliance, days: 30 } }
    wrap: { kind: kms, key: alias/offsite, region: eu-west-1 }
  - name: plain
    store: { kind: s3, bucket: plain, region: eu-west-1 }
`),
    "lifeboat.yaml",
  );
  expect(replicas).toMatchObject([
    { name: "shelf", store: { kind: "directory", path: "/mnt/shelf" }, wrap: { kind: "local", recipient: RECIPIENT } },
    {
      name: "offsite-2",
      store: { kind: "s3", bucket: "offsite", lock: { mode: "compliance", days: 30 } },
      wrap: { kind: "kms", key: "alias/offsite", region: "eu-west-1" },
    },
    { name: "plain", store: { kind: "s3", bucket: "plain", prefix: "" } },
  ]);
  expect(replicas[2]).not.toHaveProperty("wrap");
  expect(parseConfig(configuration("").replace("replicas:\n", ""), "lifeboat.yaml").replicas).toEqual([]);
});

const shelf = "  - { name: shelf, store: { kind: directory, path: ./shelf } }\n";

test.each([
  [
    "without break-glass",
    configuration(shelf, "[]"),
    /lifeboat\.yaml:5: replicas: .*break-glass recipient is required.*age-keygen.*breakGlass/,
  ],
  [
    "of one name",
    configuration(shelf + shelf.replace("./shelf", "./other")),
    /lifeboat\.yaml:7: replicas\.1\.name: there is another replica shelf/,
  ],
  [
    "named primary",
    configuration(shelf.replace("name: shelf", "name: primary")),
    /replicas\.0\.name: primary is what the store itself is called/,
  ],
  [
    "with a name that no flag could take",
    configuration(shelf.replace("name: shelf", "name: Off Site")),
    /replicas\.0\.name: expected a name such as offsite/,
  ],
  ["without a name", configuration(shelf.replace("name: shelf, ", "")), /lifeboat\.yaml:6: replicas\.0\.name: /],
  ["that are the store itself", configuration(shelf.replace("./shelf", "vault/")), /replicas\.0\.store: it is the same place as store/],
  [
    "that are another replica",
    configuration(shelf + shelf.replace("name: shelf", "name: again")),
    /replicas\.1\.store: it is the same place as replica shelf/,
  ],
  [
    "with a key that is none",
    configuration(shelf.replace("} }", "}, wrap: { kind: local, recipient: age1foo } }")),
    /replicas\.0\.wrap\.recipient: expected an X25519 age recipient/,
  ],
  [
    "with keys in place of a key",
    configuration(shelf.replace("} }", "}, wrap: { kind: file } }")),
    /replicas\.0\.wrap\.kind: expected \{ kind: local, recipient: age1\.\.\. \}/,
  ],
  [
    "with a setting of the store beside it",
    configuration(shelf.replace("name: shelf", "name: shelf, path: x")),
    /unknown setting "path"; known here: name, store, wrap/,
  ],
])("replicas %s are refused, naming the setting", async (_what, text, message) => expect(await refusal(text)).toMatch(message));
