import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "aws-cdk-lib";
import { buildApp } from "../../../infra/build-app.ts";
import { readDeployment } from "../../../infra/deployment.ts";
import { BUNDLES } from "../../../shared/service.ts";
import { bundleFunctions } from "../../../tools/pack/functions.ts";
import { parseTemplate } from "./template.ts";
import type { Template } from "./template.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export interface Synthesized {
  readonly vault: Template;
  readonly service: Template;
  /** Both, for what one says of the other. */
  readonly templates: readonly Template[];
  /** The cloud assembly. */
  readonly out: string;
}

/** What the suites look at: made before the first test runs. */
export interface Synths {
  /** Of examples/lifeboat.yaml. */
  readonly example: () => Synthesized;
  /** Of what the example leaves out. */
  readonly other: () => Synthesized;
}

/** Synthesizes the app for a lifeboat.yaml into a folder of its own below `folder`; `change` may add to it before. */
export async function synthesize(folder: string, config: string, change: (app: App) => void = () => undefined): Promise<Synthesized> {
  const bundles = join(ROOT, BUNDLES);
  if (!existsSync(join(bundles, "task"))) await bundleFunctions(bundles);
  await mkdir(folder, { recursive: true });
  const file = join(folder, "lifeboat.yaml");
  await writeFile(file, config);
  const deployment = await readDeployment(file);
  const app = new App({ outdir: join(folder, "cdk.out"), analyticsReporting: false });
  buildApp(app, deployment);
  change(app);
  const assembly = app.synth();
  const template = (name: string): Template => parseTemplate(assembly.getStackByName(`${deployment.service.name}-${name}`).template);
  const [vault, service] = [template("vault"), template("service")];
  return { vault, service, templates: [vault, service], out: assembly.directory };
}
