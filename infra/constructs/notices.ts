import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge } from "../acknowledge.ts";
import type { Deployment } from "../deployment.ts";

/** The longest that SQS keeps a message: long enough for a holiday. */
const KEPT = Duration.days(14);

/** Where people are told: a topic that alarms and state machines publish to, and a queue for starts that EventBridge Scheduler could not deliver. */
export class Notices extends Construct {
  readonly topic: Topic;
  readonly topicKey: Key;
  readonly undelivered: Queue;

  constructor(scope: Construct, id: string, { service }: Pick<Deployment, "service">) {
    super(scope, id);
    // Not the key that SNS has by itself: CloudWatch may not use that.
    this.topicKey = new Key(this, "TopicKey", {
      description: "etcd-lifeboat: notices",
      enableKeyRotation: true,
      // It encrypts messages on their way, and nothing that is kept.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const cloudWatch = new ServicePrincipal("cloudwatch.amazonaws.com", {
      conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
    });
    // As AWS documents it, without a condition: an alarm that could not use the key would be silent, and the topic's own policy says whose alarms may publish.
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    this.topicKey.grant(new ServicePrincipal("cloudwatch.amazonaws.com"), "kms:GenerateDataKey*", "kms:Decrypt");
    this.topic = new Topic(this, "Topic", { displayName: "etcd-lifeboat", masterKey: this.topicKey, enforceSSL: true });
    // The policy that demands TLS takes the place of SNS's own, by which alarms of the account might publish.
    this.topic.grantPublish(cloudWatch);
    for (const address of service.notify) this.topic.addSubscription(new EmailSubscription(address));
    this.undelivered = new Queue(this, "Undelivered", { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: KEPT });
    acknowledge(this.undelivered, "AwsSolutions-SQS3", "it is itself the dead letter queue of the schedules, and an alarm watches it");
  }
}
