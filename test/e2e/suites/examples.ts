import { copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { startCluster } from "../../../tools/lab/etcd-cluster.ts";
import type { EtcdCluster } from "../../../tools/lab/etcd-cluster.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { startVersityGateway } from "../../../tools/lab/versitygw.ts";
import type { VersityGateway } from "../../../tools/lab/versitygw.ts";
import { putCommandInto } from "../../support/lifeboat.ts";
import { newPlace } from "../../support/place.ts";
import type { Place } from "../../support/place.ts";
import { readUnit, startUnit } from "../../support/systemd-units.ts";

/** The examples of running without functions: each command in them is run, with the files that it is given there and no others. */

const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));

let cluster: EtcdCluster;
let gateway: VersityGateway;
let folder: TemporaryFolder;
/** Where a person made the keys. */
let made: Place;

/** `all`: a drill as well, and nothing else but what it takes. */
export function examplesTests({ all }: { readonly all: boolean }): void {
  beforeAll(start, 60_000);
  afterAll(async () => {
    await Promise.all([cluster.stop(), gateway.stop()]);
    await folder.remove();
  });
  if (!all) systemd();
  kubernetes(all);
}

async function start(): Promise<void> {
  [cluster, gateway, folder] = await Promise.all([
    startCluster({ version: "3.6", security: "tls" }),
    startVersityGateway(),
    temporaryFolder(),
  ]);
  made = await newPlace(cluster, folder.path, "made");
  // The command as its own program on PATH, as npm installs it.
  await putCommandInto(join(folder.path, "bin"));
}

/** The example's configuration with this cluster's endpoints, these keys' fingerprints, and the places of a machine in `root`. */
async function adapted(text: string, places: Readonly<Record<string, string>>): Promise<string> {
  const init = await readFile(made.path("lifeboat.yaml"), "utf8");
  const section = (name: string): string => new RegExp(`^${name}:\\n(?: .*\\n)+`, "m").exec(init)?.[0].trimEnd() ?? "";
  let config = text
    .replace(/^( *)endpoints: .*$/m, `$1endpoints: ${JSON.stringify(cluster.endpoints)}`)
    .replace(/^( *)trustedKeys: .*$/m, section("trustedKeys"))
    .replace(/^( *)breakGlass: .*$/m, section("breakGlass"));
  for (const [from, to] of Object.entries(places)) {
    expect(config).toContain(from);
    config = config.replaceAll(from, to);
  }
  return config;
}

/** A file as a person would have it under this name: keys by init, certificates of the cluster. */
async function provide(name: string, to: string): Promise<void> {
  const { ca = "", cert = "", key = "" } = cluster.files;
  const certificates: Readonly<Record<string, string>> = { "ca.pem": ca, "client.pem": cert, "client-key.pem": key };
  await mkdir(dirname(to), { recursive: true });
  await copyFile(certificates[name] ?? made.path(`keys/${name}`), to);
}

/** Runs a command with nothing of this process's environment but where programs are. */
async function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const [program = "", ...args] = command;
  const PATH = `${join(folder.path, "bin")}:${process.env["PATH"]}`;
  const { stdout, stderr, exitCode } = await execa(program, args, { cwd: "/", env: { PATH, ...env }, extendEnv: false, reject: false });
  expect(`${exitCode}: ${stderr}`).toMatch(/^0: /);
  return stdout;
}

function systemd(): void {
  describe("systemd", () => {
    test("the services back up with the writer's files, verify and order with the verifier's, and prune with no key", async () => {
      const root = join(folder.path, "machine");
      const etc = join(root, "etc/lifeboat");
      await mkdir(etc, { recursive: true });
      const text = await readFile(join(EXAMPLES, "systemd/lifeboat.yaml"), "utf8");
      await writeFile(join(etc, "lifeboat.yaml"), await adapted(text, { "/var/lib/lifeboat": join(root, "var/lib/lifeboat") }));
      const names = ["ca.pem", "client.pem", "client-key.pem", ...(await readdir(made.path("keys")))];
      for (const name of names) await provide(name, join(etc, name));
      await mkdir(join(root, "var/lib/lifeboat"), { recursive: true });

      expect(await startUnit("lifeboat-backup@.service", { root, run })).toMatch(/^proof: +proven: /m);
      expect(await readdir(join(root, "credentials/lifeboat-backup@.service"))).not.toContain("wrapping.key");
      expect(await startUnit("lifeboat-verify@.service", { root, run })).toContain("countersigned: clusters/prod/verified/");
      expect(await readdir(join(root, "credentials/lifeboat-verify@.service"))).not.toContain("snapshot.key");
      expect(await startUnit("lifeboat-order@.service", { root, run })).toContain("nothing to remove of prod: 1 kept");
      expect(await readdir(join(root, "credentials/lifeboat-order@.service"))).toEqual(["audit.key", "audit.pub", "lifeboat.yaml"]);
      expect(await startUnit("lifeboat-prune@.service", { root, run })).toContain("there is no order to follow for prod");
      expect(await readdir(join(root, "credentials/lifeboat-prune@.service"))).toEqual(["lifeboat.yaml"]);
      const told = join(root, "var/lib/lifeboat/report");
      await mkdir(told, { recursive: true });
      const here = {
        root,
        run: (command: readonly string[]) => run(command.map((word) => word.replace("/var/lib/lifeboat/report", told))),
      };
      expect(await startUnit("lifeboat-audit.service", here)).toContain("prod, 1 of 1 snapshot good");
      expect(await readdir(join(root, "credentials/lifeboat-audit.service"))).toEqual(["lifeboat.yaml"]);
      // Over what it wrote before, too.
      for (let times = 0; times < 2; times++)
        expect(await startUnit("lifeboat-report.service", here)).toContain("wrote the metrics of 1 clusters");
      expect((await readdir(told)).toSorted()).toEqual(["lifeboat.prom", "report.html"]);
      // What a run's own copies may be read by is nobody but its user, in memory.
      for (const name of await readdir(join(root, "run/lifeboat-backup-prod")))
        expect((await stat(join(root, "run/lifeboat-backup-prod", name))).mode & 0o777).toBe(0o400);
    });

    test.each([
      [0, "started"],
      [6, "started"],
      [3, ""],
      [5, ""],
    ])("a backup that ended with %i has its verification %s", async (status, outcome) => {
      const [line = ""] = (await readUnit("lifeboat-backup@.service"))["ExecStopPost"] ?? [];
      const [, script = ""] = /^\+\/bin\/sh -c '(.*)'$/.exec(line) ?? [];
      const bin = join(folder.path, "stop-post");
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, "systemctl"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
      const env = { PATH: `${bin}:${process.env["PATH"]}`, EXIT_STATUS: String(status) };
      const { stdout } = await execa("/bin/sh", ["-c", script.replaceAll("%i", "prod")], { env, extendEnv: false });
      expect(stdout).toBe(outcome === "started" ? "start --no-block lifeboat-verify@prod.service" : "");
    });

    test.each([
      ["lifeboat-backup@.service", "lifeboat-writer", []],
      ["lifeboat-verify@.service", "lifeboat-verifier", []],
      ["lifeboat-order@.service", "lifeboat-verifier", []],
      // It removes what other users made in folders with the sticky bit.
      ["lifeboat-prune@.service", "lifeboat-keeper", ["CAP_FOWNER"]],
      ["lifeboat-drill@.service", "lifeboat-drill", []],
      ["lifeboat-audit.service", "lifeboat-reader", []],
      ["lifeboat-report.service", "lifeboat-reader", []],
    ])("%s is shut in, and runs as %s", async (name, user, capabilities) => {
      {
        const settings = await readUnit(name);
        for (const locked of [
          "NoNewPrivileges",
          "ProtectHome",
          "PrivateTmp",
          "PrivateDevices",
          "ProtectKernelModules",
          "RestrictNamespaces",
        ])
          expect(settings[locked]).toEqual(["true"]);
        expect(settings).toMatchObject({
          User: [user],
          Group: ["lifeboat"],
          ProtectSystem: ["strict"],
          CapabilityBoundingSet: [capabilities.join(" ")],
          SystemCallFilter: ["@system-service"],
        });
        expect(settings["AmbientCapabilities"] ?? []).toEqual(capabilities);
        const writes = user === "lifeboat-reader" ? ["ReadOnlyPaths", "ReadWritePaths"] : ["ReadWritePaths", "ReadOnlyPaths"];
        expect(writes.map((each) => (settings[each] ?? []).includes("/var/lib/lifeboat/vault"))).toEqual([true, false]);
      }
    });

    test("the timers make up for what they missed, and the order comes before the prune", async () => {
      expect(await readUnit("lifeboat-backup@.timer")).toMatchObject({ OnCalendar: ["hourly"], Persistent: ["true"] });
      expect(await readUnit("lifeboat-prune@.timer")).toMatchObject({ OnCalendar: ["daily"], Persistent: ["true"] });
      for (const name of ["audit", "report"])
        expect(await readUnit(`lifeboat-${name}.timer`)).toMatchObject({ OnCalendar: ["hourly"], Persistent: ["true"] });
      expect(await readUnit("lifeboat-drill@.timer")).toMatchObject({ OnCalendar: ["weekly"], Persistent: ["true"] });
      const order = ["lifeboat-order@%i.service"];
      expect(await readUnit("lifeboat-prune@.service")).toMatchObject({ Wants: order, After: order });
    });

    test("every user of a unit is made by the sysusers file, in the group that shares the store", async () => {
      const text = await readFile(join(EXAMPLES, "systemd/lifeboat.sysusers.conf"), "utf8");
      for (const name of (await readdir(join(EXAMPLES, "systemd"))).filter((each) => each.endsWith(".service"))) {
        const [user = ""] = (await readUnit(name))["User"] ?? [];
        expect(text).toMatch(new RegExp(`^u ${user} `, "m"));
        expect(text).toMatch(new RegExp(`^m ${user} lifeboat$`, "m"));
      }
    });
  });
}

const container = z.object({
  image: z.string(),
  command: z.array(z.string()),
  envFrom: z.array(z.object({ secretRef: z.object({ name: z.string() }) })).optional(),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  resources: z.object({ limits: z.object({ memory: z.string() }) }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() })),
});
const source = z.union([z.object({ configMap: z.object({ name: z.string() }) }), z.object({ secret: z.object({ name: z.string() }) })]);
const cronJob = z.object({
  kind: z.literal("CronJob"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    concurrencyPolicy: z.literal("Forbid"),
    jobTemplate: z.object({
      spec: z.object({
        podFailurePolicy: z.object({
          rules: z.tuple([
            z.object({
              action: z.literal("FailJob"),
              onExitCodes: z.object({ operator: z.literal("In"), values: z.tuple([z.literal(2), z.literal(4), z.literal(6)]) }),
            }),
          ]),
        }),
        template: z.object({
          spec: z.object({
            // Kubernetes takes a podFailurePolicy with this alone.
            restartPolicy: z.literal("Never"),
            automountServiceAccountToken: z.literal(false),
            securityContext: z.object({ runAsNonRoot: z.literal(true), seccompProfile: z.object({ type: z.literal("RuntimeDefault") }) }),
            initContainers: z.array(container),
            containers: z.tuple([container]),
            volumes: z.array(
              z.object({
                name: z.string(),
                projected: z.object({ defaultMode: z.literal(0o440), sources: z.array(source) }).optional(),
                emptyDir: z.object({ medium: z.string().optional() }).optional(),
                persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
              }),
            ),
          }),
        }),
      }),
    }),
  }),
});
type Pod = z.infer<typeof cronJob>["spec"]["jobTemplate"]["spec"]["template"]["spec"];

function kubernetes(all: boolean): void {
  describe("Kubernetes", () => {
    test("the CronJobs back up, verify, order, audit, report and prune with the files and credentials of their roles", async () => {
      const { text, documents, jobs } = await readJobs("cronjob.yaml");
      const configMap = z.object({ kind: z.literal("ConfigMap"), data: z.object({ "lifeboat.yaml": z.string() }) });
      const config = documents.flatMap((each) => configMap.safeParse(each).data?.data["lifeboat.yaml"] ?? [])[0] ?? "";
      const bucket = await gateway.makeBucket();
      const places = { "etcd-backups": bucket, "https://s3.example:9000": gateway.endpoint };
      const secrets = secretsIn(text);
      expect(jobs.map(({ metadata }) => metadata.name)).toEqual(
        ["backup-prod", "verify-prod", "order-prod", "audit", "report", "prune-prod"].map((name) => `lifeboat-${name}`),
      );

      const drills = await readJobs("drill.yaml");
      const [drill] = drills.jobs;
      expect(drills.jobs.map(({ metadata }) => metadata.name)).toEqual(["lifeboat-drill-prod"]);
      const kept = { ...secrets, ...secretsIn(drills.text) };
      // Of the plaintext nothing reaches a disk.
      const pod = drill?.spec.jobTemplate.spec.template.spec;
      expect(pod?.volumes.find(({ name }) => name === "work")).toMatchObject({ emptyDir: { medium: "Memory" } });
      expect(kept["lifeboat-drill"]).toEqual(["audit", "bundle", "wrapping"].flatMap((name) => [`${name}.key`, `${name}.pub`]));

      const printed: string[] = [];
      const written = await adapted(config, places);
      const inPod = async ({ metadata, spec }: Job): Promise<string> =>
        runPod(spec.jobTemplate.spec.template.spec, join(folder.path, metadata.name), kept, written);
      for (const job of jobs.slice(0, all ? 2 : undefined)) printed.push(await inPod(job));
      if (all) {
        expect(drill && (await inPod(drill))).toMatch(/^evidence: +clusters\/prod\/drills\//m);
        return;
      }
      expect(printed[0]).toMatch(/^proof: +proven: /m);
      expect(printed[1]).toContain("countersigned: clusters/prod/verified/");
      expect(printed[2]).toContain("nothing to remove of prod: 1 kept");
      expect(printed[3]).toContain("prod, 1 of 1 snapshot good");
      expect(printed[4]).toContain("wrote the metrics of 1 clusters");
      expect((await readdir(join(folder.path, "lifeboat-report/report"))).toSorted()).toEqual(["lifeboat.prom", "report.html"]);
      expect(documents).toContainEqual(
        expect.objectContaining({ kind: "PersistentVolumeClaim", metadata: { name: "lifeboat-report", namespace: "lifeboat" } }),
      );
      expect(printed[5]).toContain("there is no order to follow for prod");
      const [keeper] = jobs.slice(-1).map(({ spec }) => spec.jobTemplate.spec.template.spec);
      // It gets no file but the configuration, and the credentials of nobody else.
      expect(keeper?.volumes.flatMap(({ projected }) => projected?.sources ?? [])).toEqual([{ configMap: { name: "lifeboat" } }]);
      expect(keeper?.containers[0].envFrom).toEqual([{ secretRef: { name: "lifeboat-store-keeper" } }]);
      expect(secrets["lifeboat-writer"]).not.toContain("wrapping.key");
      expect(secrets["lifeboat-verifier"]).not.toContain("snapshot.key");
    });

    type Job = z.infer<typeof cronJob>;

    async function readJobs(
      name: string,
    ): Promise<{ readonly text: string; readonly documents: readonly unknown[]; readonly jobs: readonly Job[] }> {
      const text = await readFile(join(EXAMPLES, "kubernetes", name), "utf8");
      // Kubernetes reads YAML 1.1, where 0440 is octal.
      const documents = parseAllDocuments(text, { version: "1.1" }).map((each) => {
        const value: unknown = each.toJS();
        return value;
      });
      return { text, documents, jobs: documents.flatMap((each) => (isCronJob(each) ? [cronJob.parse(each)] : [])) };
    }

    function isCronJob(document: unknown): boolean {
      return typeof document === "object" && document !== null && "kind" in document && document.kind === "CronJob";
    }

    /** The files that the commands in the example's comments put into each secret. */
    function secretsIn(text: string): Readonly<Record<string, readonly string[]>> {
      const commands = text.replaceAll(/ \\\n# +/g, " ").matchAll(/create secret generic (\S+) (.*)$/gm);
      return Object.fromEntries(
        Array.from(commands, ([, name = "", rest = ""]) => [
          name,
          Array.from(rest.matchAll(/--from-file=(\S+)/g), ([, file = ""]) => basename(file)),
        ]),
      );
    }

    /** Runs the containers of a pod one after the other, each seeing its volumes as folders below `root`. */
    async function runPod(pod: Pod, root: string, secrets: Readonly<Record<string, readonly string[]>>, config: string): Promise<string> {
      const volume = (name: string): string => join(root, name);
      for (const { name, projected } of pod.volumes) {
        await mkdir(volume(name), { recursive: true });
        for (const each of projected?.sources ?? []) {
          if ("configMap" in each) await writeFile(join(volume(name), "lifeboat.yaml"), config);
          else for (const file of secrets[each.secret.name] ?? []) await provide(file, join(volume(name), file));
        }
      }
      let printed = "";
      for (const { command, envFrom = [], volumeMounts } of [...pod.initContainers, ...pod.containers]) {
        // Only what is mounted into it: a path that is not is not replaced, and not there.
        const places = new RegExp(volumeMounts.map(({ mountPath }) => mountPath).join("|"), "g");
        const mounted = (word: string): string =>
          word.replaceAll(places, (path) => volume(volumeMounts.find(({ mountPath }) => mountPath === path)?.name ?? ""));
        const credentials = envFrom.some(({ secretRef }) => secretRef.name.startsWith("lifeboat-store-")) ? gateway.environment : {};
        printed = await run(command.map(mounted), { ...credentials, TMPDIR: volume("tmp") });
      }
      return printed;
    }
  });
}
