import { LifeboatError } from "../errors.ts";
import { LAYOUTS } from "./members.ts";
import type { BundleMember, Layout } from "./members.ts";
import { ARCHITECTURES, DISTRIBUTIONS, PLAN_FORMAT } from "./plan.ts";
import type { Plan } from "./plan.ts";

/** A plan from its `KEY=value` lines, which somebody who is believed wrote, and the manifest that it is about. Throws `ref/later` for one of a later format, `verify/format` for one that says what no plan says. */
export function planOf(
  values: ReadonlyMap<string, string>,
  { manifest, manifestDigest, payload }: Pick<Plan, "manifest" | "manifestDigest" | "payload">,
  what: string,
): Plan {
  const of = (key: string): string => values.get(key) ?? "";
  if (of("FORMAT") !== PLAN_FORMAT)
    throw new LifeboatError("ref/later", `${what} has the format ${of("FORMAT")}, and this lifeboat reads ${PLAN_FORMAT}`, {
      hint: "update lifeboat",
    });
  const refused = (key: string): LifeboatError => new LifeboatError("verify/format", `${what} says ${key}=${of(key)}`);
  const timeOf = (key: string): Date => {
    const time = new Date(of(key));
    if (Number.isNaN(time.getTime())) throw refused(key);
    return time;
  };
  const oneOf = <Word extends string>(key: string, words: readonly Word[]): Word => {
    const word = words.find((each) => each === of(key));
    if (word === undefined) throw refused(key);
    return word;
  };
  if (`sha256:${of("MANIFEST_SHA256")}` !== manifestDigest) throw refused("MANIFEST_SHA256");
  if (!/^\d{1,19}$/.test(of("BUMP_REVISION"))) throw refused("BUMP_REVISION");
  const version = of("PAYLOAD_VERSION");
  const { version: _committed, ...object } = payload;
  return {
    manifest,
    manifestDigest,
    payload: version === "" ? object : { ...object, version },
    lacks: of("GOOD") === "yes" ? [] : of("LACKS").split("; "),
    createdAt: timeOf("CREATED_AT"),
    expiresAt: timeOf("EXPIRES_AT"),
    recipients: of("RECIPIENTS").split(" "),
    distribution: oneOf("FOR", DISTRIBUTIONS),
    architecture: oneOf("ARCH", ARCHITECTURES),
    token: of("TOKEN"),
    bump: BigInt(of("BUMP_REVISION")),
    members: membersOf(of, (key) => oneOf(key, LAYOUTS)),
  };
}

function membersOf(of: (key: string) => string, layoutOf: (key: string) => Layout): readonly BundleMember[] {
  const listOf = (key: string): readonly string[] => (of(key) === "" ? [] : of(key).split(","));
  return Array.from({ length: Number(of("MEMBERS")) || 0 }, (_, index) => {
    const prefix = `MEMBER_${index + 1}`;
    return {
      name: of(`${prefix}_NAME`),
      peerUrls: listOf(`${prefix}_PEER_URLS`),
      clientUrls: listOf(`${prefix}_CLIENT_URLS`),
      layout: layoutOf(`${prefix}_LAYOUT`),
      dataDir: of(`${prefix}_DATA_DIR`) || undefined,
      service: of(`${prefix}_SERVICE`) || undefined,
    };
  });
}
