import { Aws, Duration, RemovalPolicy } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IGrantable } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge } from "../acknowledge.ts";

export interface NotificationsProps {
  /**
   * The topic that alarms and state machines publish to. Where it is encrypted, by a key of your own: CloudWatch may not use the one that SNS has by itself. Import an encrypted topic with its key
   * (`Topic.fromTopicAttributes`); the policies of an imported topic and of its key must let `cloudwatch.amazonaws.com` in.
   *
   * @default a new topic, encrypted by a new key
   */
  readonly topic?: ITopic;
  /**
   * E-mail addresses that are subscribed to the topic. Each confirms once.
   *
   * @default none
   */
  readonly emails?: readonly string[];
}

/** The longest that SQS keeps a message: long enough for a holiday. */
const KEPT = Duration.days(14);

/** Where people are told: a topic that alarms and state machines publish to, and a queue for starts that EventBridge Scheduler could not deliver. */
export class Notifications extends Construct {
  /** The topic that alarms and state machines publish to. */
  readonly topic: ITopic;
  /** Holds for 14 days what EventBridge Scheduler could not start. */
  readonly undelivered: Queue;

  constructor(scope: Construct, id: string, { topic, emails = [] }: NotificationsProps = {}) {
    super(scope, id);
    this.topic = topic ?? this.#newTopic();
    const cloudWatch = new ServicePrincipal("cloudwatch.amazonaws.com", {
      conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
    });
    // As AWS documents it, without a condition: an alarm that could not use the key would be silent, and the topic's own policy says whose alarms may publish.
    // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    this.topic.masterKey?.grant(new ServicePrincipal("cloudwatch.amazonaws.com"), "kms:GenerateDataKey*", "kms:Decrypt");
    // The policy that demands TLS takes the place of SNS's own, by which alarms of the account might publish.
    this.topic.grantPublish(cloudWatch);
    for (const address of emails) this.topic.addSubscription(new EmailSubscription(address));
    this.undelivered = new Queue(this, "Undelivered", { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: KEPT });
    acknowledge(this.undelivered, "AwsSolutions-SQS3", "it is itself the dead letter queue of the schedules, and an alarm watches it");
  }

  /** Lets `grantee` publish to the topic, by its own policy. */
  grantPublish(grantee: IGrantable): void {
    const { grantPrincipal } = grantee;
    const { topicArn, masterKey } = this.topic;
    grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions: ["sns:Publish"], resources: [topicArn] }));
    if (masterKey === undefined) return;
    grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: ["kms:GenerateDataKey", "kms:Decrypt"], resources: [masterKey.keyArn] }),
    );
  }

  #newTopic(): Topic {
    const masterKey = new Key(this, "TopicKey", {
      description: "etcd-lifeboat: notices",
      enableKeyRotation: true,
      // It encrypts messages on their way, and nothing that is kept.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return new Topic(this, "Topic", { displayName: "etcd-lifeboat", masterKey, enforceSSL: true });
  }
}
