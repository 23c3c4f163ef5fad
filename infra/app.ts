import { App } from "aws-cdk-lib";
import { isLifeboatError } from "../shared/errors.ts";
import { buildApp } from "./build-app.ts";
import { readDeployment } from "./deployment.ts";

/** The CDK app: `npm run synth -- -c config=lifeboat.yaml`; without it, what examples/ describes. */

try {
  const app = new App();
  const path: unknown = app.node.tryGetContext("config");
  buildApp(app, await readDeployment(typeof path === "string" ? path : "examples/lifeboat.yaml"));
  app.synth();
} catch (error) {
  if (!isLifeboatError(error)) throw error;
  process.stderr.write(`${error.message}\n${error.hint === undefined ? "" : `hint: ${error.hint}\n`}`);
  process.exitCode = 1;
}
