import { pause } from "../../clock.ts";
import type { Clock } from "../../clock.ts";
import type { EndpointStatus, EtcdSource } from "../../etcd/etcd-source.ts";
import { isLifeboatError, LifeboatError } from "../../errors.ts";
import type { Workplace } from "../../host/workplace.ts";
import { shellWord } from "../../shell-word.ts";
import { interrupted } from "../../within.ts";

/** The etcd of a drill: on loopback, and reached with one certificate alone, which is in the folder of the drill. So no other user of this machine reads what was restored. */

/** The name of its member. */
export const MEMBER = "drill";
/** 10 min: etcd reads all keys before it serves. */
const START_MS = 600_000;
const LOOK_EVERY_MS = 100;
/** 10 s: it writes what it has before it ends, and nobody needs that. */
const STOP_MS = 10_000;
/** 2 GiB, as etcd's own quota is: beyond the database. */
const ROOM_BYTES = 2 * 2 ** 30;
const [CERTIFICATE, KEY] = ["etcd.pem", "etcd-key.pem"];

export interface EtcdAddress {
  readonly clientUrl: string;
  readonly peerUrl: string;
}

export type ConnectTo = (endpoint: string, tls: { readonly ca: string; readonly cert: string; readonly key: string }) => EtcdSource;

/** Takes an address, and makes the certificate: of the server, of its peer, and of the client root, whom etcd lets do everything also where the snapshot has auth on. */
export async function prepareEtcd(place: Workplace, signal: AbortSignal): Promise<EtcdAddress> {
  const { host, ports } = await place.freePorts(2);
  const { code, lines } = await place.run(
    // The names of openssl 1.1.1.
    [
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root".split(" "),
      ["-addext", `subjectAltName=IP:${host}`, "-addext", "extendedKeyUsage=serverAuth,clientAuth"],
      ["-out", CERTIFICATE, "-keyout", KEY],
    ].flat(),
    { signal },
  );
  if (code !== 0)
    throw new LifeboatError("config/not-found", `openssl made no certificate: ${lines.at(-1) ?? `it ended with ${code}`}`, {
      hint: "install openssl 1.1.1 or later",
    });
  return { clientUrl: `https://${host}:${ports[0]}`, peerUrl: `https://${host}:${ports[1]}` };
}

/** The options of restore.sh that name the certificate. */
export function certificateOptions(place: Workplace): readonly string[] {
  return ["--cacert", place.path(CERTIFICATE), "--cert", place.path(CERTIFICATE), "--key", place.path(KEY)];
}

export interface EtcdToStart extends EtcdAddress {
  /** Of its files in the place. */
  readonly name: string;
  /** In the place. */
  readonly dataDir: string;
  readonly databaseBytes: number;
}

/** Writes a program that starts etcd in the background, with flags appended to its own: what restore.sh calls `--start PROGRAM`. Its path. */
export async function writeStarter(place: Workplace, { name, dataDir, databaseBytes, clientUrl, peerUrl }: EtcdToStart): Promise<string> {
  const [certificate, key] = [place.path(CERTIFICATE), place.path(KEY)];
  const flags = [
    `--name=${MEMBER}`,
    `--data-dir=${place.path(dataDir)}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--cert-file=${certificate}`,
    `--key-file=${key}`,
    `--trusted-ca-file=${certificate}`,
    "--client-cert-auth",
    `--peer-cert-file=${certificate}`,
    `--peer-key-file=${key}`,
    `--peer-trusted-ca-file=${certificate}`,
    "--peer-client-cert-auth",
    `--quota-backend-bytes=${databaseBytes + ROOM_BYTES}`,
    "--log-level=warn",
  ];
  const text = `#!/bin/bash
exec >>${shellWord(place.path(`${name}.log`))} 2>&1 </dev/null
etcd ${flags.map(shellWord).join(" ")} "$@" &
printf '%s\\n' "$!" >${shellWord(place.path(`${name}.pid`))}
`;
  await place.write(`start-${name}`, text, "program");
  return place.path(`start-${name}`);
}

/** An etcd that was started by its program. */
export class RestoredEtcd {
  readonly #place: Workplace;
  readonly #name: string;
  readonly endpoint: string;
  readonly source: EtcdSource;

  private constructor(place: Workplace, name: string, endpoint: string, source: EtcdSource) {
    this.#place = place;
    this.#name = name;
    this.endpoint = endpoint;
    this.source = source;
  }

  static async connect(place: Workplace, name: string, { clientUrl }: EtcdAddress, connectTo: ConnectTo): Promise<RestoredEtcd> {
    const [certificate = "", key = ""] = [await place.read(CERTIFICATE), await place.read(KEY)];
    return new RestoredEtcd(place, name, clientUrl, connectTo(clientUrl, { ca: certificate, cert: certificate, key }));
  }

  /** Its status once it has a leader. Throws `etcd/refused` where it ended, and `etcd/timeout`. */
  async serving(clock: Clock, signal: AbortSignal): Promise<EndpointStatus> {
    const untilMs = clock.monotonicMs() + START_MS;
    for (;;) {
      const status = await this.source.status(this.endpoint, signal).catch((error: unknown) => {
        if (!isLifeboatError(error, "etcd/")) throw error;
        return undefined;
      });
      if (status?.leaderId !== undefined) return status;
      const pid = await this.#pid();
      if (pid !== undefined && !(await this.#place.isRunning(pid)))
        throw new LifeboatError("etcd/refused", `etcd ended on what was restored: ${await this.#lastWords()}`, {
          hint: "restore another snapshot, and keep this one to find out why",
        });
      if (clock.monotonicMs() > untilMs)
        throw new LifeboatError("etcd/timeout", `etcd did not serve what was restored within ${START_MS / 60_000} minutes`, {
          hint: "look how busy this machine is",
        });
      await pause(clock, LOOK_EVERY_MS, signal);
      if (signal.aborted) throw interrupted(signal, "waiting for etcd");
    }
  }

  close(): void {
    this.source.close();
  }

  /** Of the process. */
  async stop(): Promise<void> {
    const pid = await this.#pid();
    if (pid !== undefined) await this.#place.stop(pid, STOP_MS);
  }

  async #pid(): Promise<number | undefined> {
    const pid = Number(await this.#place.read(`${this.#name}.pid`));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  }

  /** The last line of its log that says why, in JSON as etcd writes it. */
  async #lastWords(): Promise<string> {
    const lines = ((await this.#place.read(`${this.#name}.log`)) ?? "").trim().split("\n");
    const told = lines.findLast((line) => /"level":"(?:fatal|panic|error)"/.test(line)) ?? lines.at(-1);
    return told === undefined || told === "" ? "it said nothing" : told.slice(0, 500);
  }
}
