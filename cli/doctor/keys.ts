import type { JsonDocument } from "../../shared/contract/documents.ts";
import type { KeyFacts, KmsKeyFacts, LocalKeyFacts } from "../../shared/keys/key-inspector.ts";
import { checkKeys, judgeBreakGlass } from "../../shared/jobs/doctor/check-keys.ts";
import { isUnreadable, type MaybeUnreadable } from "../../shared/unreadable.ts";
import { openInspectors } from "../../shared/wire/doctor.ts";
import { widthOf } from "../console.ts";
import { formatTable } from "../format.ts";
import { withNulls } from "../with-nulls.ts";
import type { RunCheck } from "./outcome.ts";

type KeysJson = NonNullable<JsonDocument<"doctor">["keys"]>;

/** `lifeboat doctor --keys`. */
export const runKeys: RunCheck<"keys"> = async ({ console, surroundings }, loaded) => {
  const { keys, stores } = await openInspectors(loaded, surroundings);
  const { trustedKeys: trusted, breakGlass } = loaded.config;
  const reports = await checkKeys({ keys, trusted, stores }, console.signal);
  const width = widthOf(console.stdout);
  return {
    text: reports
      .map(({ name, location, facts }) => `${name}: ${location}${facts === undefined ? "" : `\n${describe(facts, width)}`}`)
      .join("\n\n"),
    json: reports.map(({ name, location, facts }) => ({ name, location, facts: facts === undefined ? null : toJson(facts) })),
    findings: [...reports.flatMap(({ findings }) => findings), ...judgeBreakGlass(breakGlass)],
  };
};

function describe(facts: KeyFacts, width: number | undefined): string {
  if (facts.kind === "kms") {
    const rows = facts.keys.map((key) => [
      key.use,
      key.id,
      key.error?.code ?? show(key.spec),
      key.error === undefined ? show(key.state) : "-",
      nameOf(key),
    ]);
    return formatTable(["USE", "KEY", "KIND", "STATE", "NAME"], rows, { width, dispensable: ["NAME"] });
  }
  const rows = facts.keys.map(({ use, secret, public: published, name }) => [use, stateOf(secret), stateOf(published), name ?? "-"]);
  return formatTable(["USE", "PRIVATE", "PUBLIC", "NAME"], rows, { width, dispensable: ["NAME"] });
}

function nameOf({ arn, fingerprint }: KmsKeyFacts): string {
  return show(fingerprint ?? arn);
}

function show(fact: MaybeUnreadable<string>): string {
  return isUnreadable(fact) ? "not seen" : fact;
}

function stateOf({ state }: LocalKeyFacts["secret"]): string {
  return state === undefined ? "not here" : state === "here" ? "here" : state.code;
}

function toJson(facts: KeyFacts): KeysJson[number]["facts"] {
  if (facts.kind === "kms")
    return withNulls({ ...facts, keys: facts.keys.map(({ error, ...key }) => ({ ...key, error: error?.code ?? null })) });
  const half = ({ file, state }: LocalKeyFacts["secret"]): { readonly file: string; readonly state: string } => ({
    file,
    state: state instanceof Error ? state.code : (state ?? "not here"),
  });
  return {
    ...facts,
    mode: facts.mode ?? null,
    keys: facts.keys.map(({ use, secret, public: published, name }) => ({
      use,
      name: name ?? null,
      private: half(secret),
      public: half(published),
    })),
  };
}
