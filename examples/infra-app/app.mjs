import { fileURLToPath } from "node:url";
import { App, Stack } from "aws-cdk-lib";
import { SecurityGroup, Vpc } from "aws-cdk-lib/aws-ec2";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import {
  ClusterBackup,
  clusterBackupProps,
  Keeper,
  keeperProps,
  Notifications,
  readDeployment,
  SnapshotVault,
  snapshotVaultProps,
  UndeliveredAlarm,
} from "etcd-lifeboat/infra";

// The package is the tarball that package.json names: npm run pack:tools -- --platform linux-x64 --out examples/infra-app makes it in a checkout.

const deployment = await readDeployment(fileURLToPath(new URL("lifeboat.yaml", import.meta.url)), { ownNetwork: true });
const env = { region: deployment.store.region };
const app = new App();

// The vault in a stack of its own, which is to outlive the other.
const kept = new Stack(app, "etcd-vault", { env, terminationProtection: true });
const vault = new SnapshotVault(kept, "Vault", snapshotVaultProps(kept, deployment));

// The backups in a stack that has other things as well: a VPC that reaches etcd, and the topic that people on call listen to.
const platform = new Stack(app, "platform", { env });
const vpc = new Vpc(platform, "Vpc", { maxAzs: 2 });
const securityGroup = new SecurityGroup(platform, "EtcdClients", { vpc, description: "reaches etcd" });
const topic = new Topic(platform, "OnCall", { masterKey: new Key(platform, "OnCallKey", { enableKeyRotation: true }), enforceSSL: true });

const notifications = new Notifications(platform, "Notifications", { topic });
const { name: serviceName } = deployment.service;
// oxlint-disable-next-line no-new -- a construct becomes part of its scope by being made
new UndeliveredAlarm(platform, "Undelivered", { notifications, serviceName });
for (const { name } of deployment.clusters) {
  const { stateMachine } = new ClusterBackup(platform, name, {
    ...clusterBackupProps(platform, deployment, name),
    vault,
    notifications,
    network: { vpc, securityGroup },
  });
  platform.exportValue(stateMachine.stateMachineArn, { name: `backup-of-${name}` });
}

// What removes old snapshots, in a stack of its own: it may lie in the account of the bucket.
const removal = new Stack(app, "etcd-keeper", { env });
// oxlint-disable-next-line no-new -- as above
new Keeper(removal, "Keeper", { ...keeperProps(deployment), vault, notifications });
app.synth();
