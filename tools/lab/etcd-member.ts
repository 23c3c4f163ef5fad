import { messageOf } from "../../shared/errors.ts";
import type { MemberPlan } from "./member-plan.ts";
import { LabProcess } from "./processes.ts";
import { until } from "./until.ts";

// An election takes under a second; the rest is for machines whose cores are all busy.
const READY_MS = 30_000;

/** One member of a lab cluster, running or not. */
export class LabMember {
  readonly name: string;
  readonly endpoint: string;
  /** Plain http whatever clients speak: /metrics and /health. */
  readonly metricsUrl: string;
  readonly dataDir: string;
  readonly isLearner: boolean;
  readonly #plan: MemberPlan;
  #process: LabProcess | undefined;

  constructor(plan: MemberPlan) {
    this.name = plan.name;
    this.endpoint = plan.endpoint;
    this.metricsUrl = plan.metricsUrl;
    this.dataDir = plan.dataDir;
    this.isLearner = plan.isLearner;
    this.#plan = plan;
  }

  /** How it is started. */
  get startCommand(): Pick<MemberPlan, "command" | "args"> {
    return this.#plan;
  }

  get isRunning(): boolean {
    return this.#process?.isRunning ?? false;
  }

  /** Of the running process. */
  get pid(): number {
    return this.#running().pid;
  }

  /** Starts it, also again on its data. Resolves when it is healthy, or where `wait` is false (no quorum, say) as soon as it runs. */
  async start(options: { readonly wait?: boolean } = {}): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} runs already`);
    const { command, args, logFile } = this.#plan;
    // An ETCD_* variable of the caller's would stand for a flag.
    this.#process = await LabProcess.start({ command, args, logFile, env: { PATH: process.env["PATH"] } });
    if (options.wait ?? true) await this.ready();
  }

  /** Resolves when it answers its peers, with or without a quorum. */
  async bootstrapped(): Promise<void> {
    await this.#until("bootstrapped", async () => (await get(`${this.#plan.peerUrl}/version`)) !== undefined);
  }

  /** Resolves when it takes part in a cluster that has a leader, and knows every member's client URLs. */
  async ready(): Promise<void> {
    await this.#until("ready", async () => (await this.isHealthy()) && (await this.#knowsMembers()));
  }

  /** Whether it answers, has a leader, and where it votes, reads through the quorum. */
  async isHealthy(): Promise<boolean> {
    if (!/^etcd_server_has_leader 1$/m.test((await get(`${this.metricsUrl}/metrics`)) ?? "")) return false;
    return this.isLearner || /"health":\s*"true"/.test((await get(`${this.metricsUrl}/health`)) ?? "");
  }

  async isLeader(): Promise<boolean> {
    return /^etcd_server_is_leader 1$/m.test((await get(`${this.metricsUrl}/metrics`)) ?? "");
  }

  /** SIGTERM, and SIGKILL where that does not end it. */
  async stop(): Promise<void> {
    await this.#running().stop();
  }

  /** SIGKILL. Nothing happens where it does not run. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** SIGSTOP: connections stand, nothing is answered. */
  pause(): Promise<void> {
    return this.#running().pause();
  }

  resume(): void {
    this.#running().resume();
  }

  logTail(lines?: number): string {
    return this.#process?.logTail(lines) ?? "";
  }

  /** A member publishes its client URLs some moments after it is healthy. */
  async #knowsMembers(): Promise<boolean> {
    const answer = await get(`${this.#plan.peerUrl}/members`);
    if (answer === undefined) return false;
    const members: unknown = JSON.parse(answer);
    const isPublished = (member: unknown): boolean => typeof member === "object" && member !== null && "clientURLs" in member;
    return Array.isArray(members) && members.length > 0 && members.every(isPublished);
  }

  async #until(state: string, condition: () => Promise<boolean>): Promise<void> {
    const process = this.#running();
    try {
      await until(`${this.name} ${state}`, READY_MS, async () => {
        if (!process.isRunning) throw new Error(`${this.name} ended while it started`);
        return condition();
      });
    } catch (error) {
      throw new Error(`${messageOf(error)}\n${process.logTail()}`, { cause: error });
    }
  }

  #running(): LabProcess {
    if (this.#process === undefined || !this.#process.isRunning) throw new Error(`${this.name} does not run`);
    return this.#process;
  }
}

/** The answer's text, whatever its status; undefined where there is none within a second. */
async function get(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    return await response.text();
  } catch {
    return undefined;
  }
}
