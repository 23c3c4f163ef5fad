import { defineConfig } from "oxlint";

/**
 * The arrows of the house (docs/decisions/0001, 0015): cli and functions -> jobs -> vault -> ports <- adapters, and shared/wire/ alone knows the
 * adapters. test/arrows.test.ts breaks each on purpose, and refuses a folder of shared/ that stands in none of these lists.
 */

/** Each is a port: its own files say what is asked for, and every folder in it is an adapter, guarded from the day that it is made. */
export const PORTS = ["cloud", "etcd", "host", "input", "keys", "kube", "store"] as const;
/** Folders that compute, and touch nothing: no I/O, no SDK, no port's adapter. Those that do not exist yet are guarded already. */
export const PURE = ["audit", "bundle", "documents", "etcd", "fleet", "kube", "node-files", "report", "retention", "snapshot"] as const;
/** Layers above the ports, and what any of them may use. Their own subfolders are parts, not adapters. */
export const LAYERS = ["config", "contract", "jobs", "seal", "vault", "wire"] as const;

const ADAPTERS = {
  group: PORTS.map((port) => `**/${port}/*/**`),
  message: "only shared/wire/ knows the adapters",
};
/** A port's own files do not know its adapters, nor one adapter another: the path does not name the port there. */
const OWN_ADAPTERS = { regex: String.raw`^\./[^/]+/`, message: ADAPTERS.message };
const SIBLINGS = { regex: String.raw`^\.\./[^./][^/]*/`, message: ADAPTERS.message };
const WIRE = { group: ["**/wire/*"], message: "the composition root is for cli/ and functions/" };
const TIME = { group: ["**/system-clock.ts"], message: "time comes from the injected clock" };
const JOBS = { group: ["**/jobs/**"], message: "only what runs a use-case knows the jobs" };
const VAULT = { group: ["**/vault/**"], message: "ports and adapters do not know the vault" };
const STORES = { group: ["**/store/**", "**/vault/**"], message: "a document does not know where it is kept" };
const SEAL = { group: ["**/seal/*"], message: "how snapshots are sealed is the sealed store's affair" };
const OUTSIDE = {
  group: ["**/cli/*", "**/functions/*", "**/infra/*", "**/test/**", "**/tools/**", "**/bench/*"],
  message: "shared/ is the library: it knows nothing above it",
};
const TESTS = { group: ["**/test/**", "**/tools/**"], message: "what ships does not import what tests it" };
const WORLD = {
  group: [
    "node:fs",
    "node:fs/*",
    "node:http",
    "node:http2",
    "node:https",
    "node:net",
    "node:tls",
    "node:dns",
    "node:child_process",
    "node:worker_threads",
    "node:os",
    "etcd3",
    "@grpc/*",
    "@aws-sdk/*",
    "execa",
  ],
  message: "it sees the world through ports only",
};

const CDK = {
  group: ["aws-cdk-lib", "aws-cdk-lib/*", "constructs", "cdk-nag", "**/infra/**"],
  message: "functions know nothing of how they are deployed",
};
const AWS = { group: ["@aws-sdk/*"], message: "infra/ describes, and asks AWS nothing" };
const RUNNING = { group: ["**/jobs/**", "**/functions/**", "**/cli/**"], message: "infra/ reads the configuration, and runs nothing" };

type Pattern = { group: string[]; message: string } | { regex: string; message: string };

function restrict(...patterns: Pattern[]): { "no-restricted-imports": ["error", { patterns: Pattern[] }] } {
  return { "no-restricted-imports": ["error", { patterns }] };
}

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  options: { typeAware: true },
  rules: {
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/no-unnecessary-condition": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/only-throw-error": ["error", { allowThrowingAny: false, allowThrowingUnknown: true }],
    eqeqeq: "error",
    "no-console": "error",
    "import/no-cycle": "error",
    // Steps of one backup follow each other on purpose.
    "no-await-in-loop": "off",
    // Parse boundaries carry their reason in a comment; the rule cannot read it.
    "typescript/no-unsafe-type-assertion": "off",
    // Taste, not faults.
    "import/no-named-as-default-member": "off",
    "import/no-unassigned-import": "off",
    "no-underscore-dangle": "off",
    "unicorn/consistent-function-scoping": "off",
    "oxc/no-map-spread": "off",
    "vitest/expect-expect": "off",
    "vitest/no-conditional-expect": "off",
    "vitest/no-conditional-tests": "off",
    "vitest/require-mock-type-parameters": "off",
    "vitest/require-to-throw-message": "off",
    "vitest/no-standalone-expect": "off",
    "vitest/valid-expect": "off",
  },
  overrides: [
    { files: ["cli/**"], rules: restrict(ADAPTERS, SEAL, TESTS) },
    { files: ["functions/**"], rules: restrict(ADAPTERS, SEAL, TESTS, CDK) },
    {
      files: ["infra/**"],
      // A construct becomes part of its scope by being made.
      rules: { ...restrict(ADAPTERS, WIRE, SEAL, TESTS, AWS, RUNNING), "no-new": "off" },
    },
    { files: ["shared/**"], rules: restrict(OUTSIDE, ADAPTERS, WIRE, TIME, JOBS) },
    { files: PORTS.map((port) => `shared/${port}/*.ts`), rules: restrict(OUTSIDE, ADAPTERS, OWN_ADAPTERS, WIRE, TIME, JOBS, VAULT) },
    { files: PORTS.map((port) => `shared/${port}/*/**`), rules: restrict(OUTSIDE, ADAPTERS, SIBLINGS, WIRE, TIME, JOBS, VAULT) },
    {
      files: PURE.map((folder) => `shared/${folder}/*.ts`),
      rules: restrict(OUTSIDE, ADAPTERS, OWN_ADAPTERS, WIRE, TIME, JOBS, VAULT, SEAL, WORLD),
    },
    // Its folders are parts, and no adapters.
    { files: ["shared/audit/**"], rules: restrict(OUTSIDE, ADAPTERS, WIRE, TIME, JOBS, STORES, SEAL, WORLD) },
    { files: ["shared/documents/**"], rules: restrict(OUTSIDE, ADAPTERS, WIRE, TIME, JOBS, STORES, SEAL, WORLD) },
    {
      // Time, randomness and the environment are injected.
      files: ["shared/**"],
      rules: {
        "no-restricted-globals": ["error", "setTimeout", "setInterval", "performance"],
        "no-restricted-properties": [
          "error",
          { object: "Date", property: "now" },
          { object: "Math", property: "random" },
          { object: "process", property: "env" },
        ],
      },
    },
    { files: ["shared/vault/**"], rules: restrict(OUTSIDE, ADAPTERS, WIRE, TIME, JOBS, SEAL, WORLD) },
    { files: ["shared/jobs/**"], rules: restrict(OUTSIDE, ADAPTERS, WIRE, TIME, SEAL, WORLD) },
    { files: ["shared/wire/**"], rules: restrict(OUTSIDE, TIME) },
    { files: ["shared/system-clock.ts"], rules: { "no-restricted-globals": "off" } },
    {
      // The bootstrap runs on a bare Node without types.
      files: ["**/*.mjs"],
      rules: {
        "typescript/no-unsafe-argument": "off",
        "typescript/no-unsafe-assignment": "off",
        "typescript/no-unsafe-call": "off",
        "typescript/no-unsafe-member-access": "off",
        "typescript/no-unsafe-return": "off",
        "no-console": "off",
      },
    },
    { files: ["tools/demo/**", "bench/**"], rules: { "no-console": "off" } },
  ],
  ignorePatterns: ["node_modules", "dist", "tools/bin", "cdk.out"],
});
