import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decoded, StoredValue } from "../../../shared/kube/decoder.ts";
import type { Program } from "../../../shared/host/program-finder.ts";
import { ProgramDecoder } from "../../../shared/kube/program/program-decoder.ts";
import { findDecoder } from "../../../shared/kube/program/find-decoder.ts";
import { bytes, message, text } from "../../../tools/lab/kubernetes/protobuf.ts";
import { kubernetesData } from "../../../tools/lab/kubernetes-data.ts";
import { SeededRandom } from "../../../tools/lab/kubernetes/random.ts";
import { temporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../../tools/lab/temporary-folder.ts";
import { until } from "../../../tools/lab/until.ts";
import { saying } from "../../support/matchers.ts";
import { requireProgram } from "../../support/programs.ts";

/** The real kube-decode: how it answers what is whole, damaged and hostile. What a real kube-apiserver stored is decoded in test/kube/kube-apiserver.exhaustive.test.ts. */

const PROGRAM = requireProgram("kube-decode");
const POD = "/registry/pods/default/web";

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

function envelope(apiVersion: string, kind: string, raw: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from("k8s\0"), message(1, text(1, apiVersion), text(2, kind)), bytes(2, raw), text(3, ""), text(4, "")]);
}

function at(key: string, value: Uint8Array | string): StoredValue {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

async function* given(values: Iterable<StoredValue>): AsyncGenerator<StoredValue, void, undefined> {
  for (const each of values) yield await Promise.resolve(each);
}

interface Options {
  readonly program?: string;
  readonly signal?: AbortSignal;
}

async function decode(values: Iterable<StoredValue>, { program = PROGRAM, signal = new AbortController().signal }: Options = {}) {
  const decoder = new ProgramDecoder({ program: () => Promise.resolve(program), keys: [] });
  return Array.fromAsync(decoder.decode(given(values), signal));
}

/** Of this process' children, those that run the program. */
function running(program: string): readonly number[] {
  const mine = readdirSync(`/proc/self/task`).flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return mine.map(Number).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(program));
}

describe("kube-decode", () => {
  test("answers objects of every form in their order, whatever stands between them", async () => {
    const { live } = kubernetesData({ megabytes: 0.5 });
    const values = live.flatMap(({ key, value }, index) => [at(key, value), at(`/other/${index}`, `no object ${index}`)]);
    const decoded = await decode(values);
    expect(decoded).toHaveLength(values.length);
    for (const [index, { key }] of live.entries()) {
      const { object } = decoded[2 * index] as { object: { metadata: { name: string } } };
      expect(key).toContain(`/${object.metadata.name}`);
      expect(decoded[2 * index + 1]).toEqual({ raw: "is no object of Kubernetes" });
    }
    const kinds = new Set(decoded.flatMap((each) => ("object" in each ? [String(each.object["kind"])] : [])));
    expect([...kinds].toSorted()).toEqual(["Certificate", "ConfigMap", "Event", "Lease", "Namespace", "Pod", "Secret"]);
    expect(running(PROGRAM)).toEqual([]);
  });

  test("gives each as the API does", async () => {
    const { live } = kubernetesData({ megabytes: 0.1 });
    const pod = live.find(({ key }) => key.startsWith("/registry/pods/")) ?? { key: "", value: "" };
    const [decoded] = await decode([at(pod.key, pod.value)]);
    expect(decoded).toMatchObject({
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          creationTimestamp: saying("2026-11-"),
          managedFields: [{ manager: "kubelet", fieldsV1: expect.anything() as unknown }],
        },
        spec: { containers: [{ name: "app" }, { name: "proxy" }], restartPolicy: "Always", terminationGracePeriodSeconds: 30 },
        status: { phase: "Running" },
      },
    });
  });

  test.each([
    [
      "of an old group",
      envelope("batch/v2alpha1", "CronJob", Buffer.alloc(0)),
      "is a CronJob of batch/v2alpha1, which client-go 0.37.2 does not know",
    ],
    [
      "of a kind that is gone",
      envelope("policy/v1beta1", "PodSecurityPolicy", Buffer.alloc(0)),
      "is a PodSecurityPolicy of policy/v1beta1, which client-go 0.37.2 does not know",
    ],
    [
      "of a kind with escapes in it",
      envelope("v1\u001b[31m", "Po\nd", Buffer.alloc(0)),
      String.raw`is a "Po\nd" of "v1\x1b[31m", which client-go 0.37.2 does not know`,
    ],
    ["cut", envelope("v1", "Pod", Buffer.from([0x12, 50, 1])), "is a Pod of v1 and is damaged: unexpected EOF"],
    ["without an envelope", Buffer.from("k8s\0\xff\xff\xff\xff"), saying("is damaged: its envelope is no runtime.Unknown")],
    [
      "that claims 2^63 bytes",
      Buffer.from("6b3873000affffffffffffffffff01", "hex"),
      saying("is damaged: its envelope is no runtime.Unknown"),
    ],
    ["with JSON in it that is none", envelope("v1", "List", message(2, text(1, "{!"))), saying("is a List of v1 that has no form in JSON")],
    ["that begins as CBOR", Buffer.from("d9d9f7ff", "hex"), saying("is damaged: it begins as CBOR and is no object")],
    ["of JSON that is cut", '{"apiVersion":"v1","kind"', "begins as JSON and is none"],
    ["of JSON without a kind", '{"port":80}', "is JSON without the apiVersion and kind of an object of Kubernetes"],
    [
      "of an old CustomResourceDefinition that is none",
      '{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","spec":3}',
      saying("begins as JSON and is no CustomResourceDefinition"),
    ],
    [
      "larger than it takes",
      Buffer.concat([Buffer.from("k8s\0"), Buffer.alloc(8 * 1024 * 1024)]),
      "has 8388612 bytes, and kube-decode takes 8388608 at most",
    ],
    [
      "encrypted",
      "k8s:enc:aescbc:v1:key1:0123456789abcdef",
      "is encrypted by aescbc with the key key1; --encryption-config FILE decrypts it by the file that --encryption-provider-config of kube-apiserver names",
    ],
  ])("leaves a value %s as it is, and goes on", async (_, value, raw) => {
    const good = at(POD, envelope("v1", "Pod", Buffer.alloc(0)));
    const whole = { object: expect.objectContaining({ kind: "Pod" }) as unknown };
    expect(await decode([good, at("/x", value), good])).toEqual([whole, { raw }, whole]);
  });

  test("reads CBOR, in which custom resources can be stored", async () => {
    const cborText = (word: string): Buffer => Buffer.concat([Buffer.from([0x40 + word.length]), Buffer.from(word)]);
    const value = Buffer.concat([
      Buffer.from("d9d9f7a3", "hex"),
      cborText("apiVersion"),
      cborText("a.example/v1"),
      cborText("kind"),
      cborText("Widget"),
      cborText("size"),
      Buffer.from([7]),
    ]);
    expect(await decode([at("/x", value)])).toEqual([{ object: { apiVersion: "a.example/v1", kind: "Widget", size: 7 } }]);
  });

  test("gives a CustomResourceDefinition as the API has it, which is another version than the stored one", async () => {
    const schema = { openAPIV3Schema: { type: "object" } };
    const names = { plural: "widgets", kind: "Widget" };
    const spec = { group: "a.example", version: "v1", scope: "Namespaced", names, preserveUnknownFields: false, validation: schema };
    const stored = {
      kind: "CustomResourceDefinition",
      apiVersion: "apiextensions.k8s.io/v1beta1",
      metadata: { name: "widgets.a.example" },
    };
    const value = JSON.stringify({ ...stored, spec: { ...spec, versions: [{ name: "v1", served: true, storage: true }] } });
    const [decoded] = await decode([at("/x", value)]);
    expect(decoded).toMatchObject({
      object: {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        spec: { group: "a.example", names, versions: [{ name: "v1", served: true, storage: true, schema }] },
      },
    });
    expect(decoded).not.toHaveProperty("object.spec.validation");
  });
});

test("bytes that were changed, or cut off, are answers, and never its end", async () => {
  const random = new SeededRandom(18);
  const { live } = kubernetesData({ megabytes: 0.5 });
  const values = live.flatMap(({ key, value }) => (value.subarray(0, 4).equals(Buffer.from("k8s\0")) ? [{ key, value }] : []));
  const changed = Array.from({ length: 5000 }, (): StoredValue => {
    const { key, value } = values[random.uint32() % values.length] ?? { key: "", value: Buffer.alloc(0) };
    const bad = Buffer.from(value);
    for (let count = random.between(1, 4); count > 0; count--) bad[random.between(4, bad.length - 1)] = random.uint32() & 0xff;
    return at(key, random.between(1, 10) === 1 ? bad.subarray(0, random.between(4, bad.length)) : bad);
  });
  const answers = await decode(changed);
  const reasons = answers.flatMap((each) => ("raw" in each ? [each.raw] : []));
  expect(answers).toHaveLength(changed.length);
  expect(reasons.length).toBeGreaterThan(1000);
  for (const reason of reasons) expect(reason).toMatch(/^is [\u0020-\u007e]{1,600}$/);
});

describe("what keeps kube-decode from going on is one error", () => {
  const good = at(POD, envelope("v1", "Pod", Buffer.alloc(0)));

  test("where an object would take all memory, with its key; what came before it is answered", async () => {
    const bomb = envelope("v1", "Pod", message(2, Buffer.alloc(7_000_000, Buffer.from([0x12, 0]))));
    const decoder = new ProgramDecoder({ program: () => Promise.resolve(PROGRAM), keys: [] });
    const answers: Decoded[] = [];
    const all = async (): Promise<void> => {
      for await (const each of decoder.decode(given([good, at("/registry/pods/default/bomb", bomb), good]), new AbortController().signal))
        answers.push(each);
    };
    await expect(all()).rejects.toMatchObject({
      code: "decoder/failed",
      message: "kube-decode cannot decode /registry/pods/default/bomb: it ran out of the memory that it may have",
      hint: saying("leave it out, or take it as it is (raw)"),
    });
    expect(answers).toHaveLength(1);
  });

  test.each([
    ["ends", "exit 3", "it ended with exit code 3"],
    ["says why it ends", "echo 'kube-decode: cannot read: so' >&2; exit 1", "it ended with exit code 1 (kube-decode: cannot read: so)"],
    ["is killed", "kill -9 $$", "SIGKILL ended it"],
    ["answers nonsense", "echo hello, world; exec sleep 60", "it answered what is no answer"],
    ["claims an answer of 4 GB", String.raw`printf 'J\377\377\377\377'; exec sleep 60`, "it answered what is no answer"],
  ])("where it %s", async (_, script, reason) => {
    const program = join(folder.path, "program");
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o755);
    await expect(decode([good], { program })).rejects.toMatchObject({
      code: "decoder/failed",
      message: `kube-decode cannot decode ${POD}: ${reason}`,
    });
  });

  test("where it cannot be started", async () => {
    const program = join(folder.path, "none");
    await expect(decode([good], { program })).rejects.toMatchObject({ code: "decoder/failed", message: saying("ENOENT") });
  });

  test("where it is not there, which is asked only when an object needs it", async () => {
    const passedOver = [{ path: "/tools/kube-decode", origin: "tools.dir", version: undefined, reason: "may not be run" }] as const;
    const finder = { find: (program: Program) => Promise.resolve({ program, found: undefined, passedOver }) };
    const decoder = new ProgramDecoder({ program: (signal) => findDecoder(finder, signal), keys: [] });
    const { signal } = new AbortController();
    const json = at("/x", '{"apiVersion":"a.example/v1","kind":"Widget"}');
    expect(await Array.fromAsync(decoder.decode(given([json]), signal))).toHaveLength(1);
    await expect(Array.fromAsync(decoder.decode(given([json, good]), signal))).rejects.toMatchObject({
      code: "decoder/missing",
      message: "kube-decode, which reads objects of Kubernetes, was not found; /tools/kube-decode may not be run",
    });
  });

  test("where it is interrupted; and no process is left of it, nor of one whose values fail", async () => {
    const interruption = new AbortController();
    const endless = (function* () {
      for (;;) yield good;
    })();
    const decoder = new ProgramDecoder({ program: () => Promise.resolve(PROGRAM), keys: [] });
    const all = async (): Promise<void> => {
      for await (const _ of decoder.decode(given(endless), interruption.signal)) if (running(PROGRAM).length === 1) interruption.abort();
    };
    await expect(all()).rejects.toMatchObject({ code: "interrupted" });
    const failing = (function* () {
      yield good;
      throw new Error("the snapshot changed");
    })();
    await expect(decode(failing)).rejects.toThrow("the snapshot changed");
    expect(running(PROGRAM)).toEqual([]);
  });

  test("and it ends where whoever started it is gone", async () => {
    const script = `const { spawn } = require("node:child_process");
const child = spawn(process.argv[1], [], { stdio: ["pipe", "ignore", "ignore"] });
child.stdin.write(Buffer.from([0, 0, 0]));
console.log(child.pid);
setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["-e", script, PROGRAM], { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await until("kube-decode ended", 10_000, () => Promise.resolve(!isAlive(pid)));
  });
});

/** Not as a zombie either, whose command line is empty. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
