import { RemovalPolicy } from "aws-cdk-lib";

/**
 * Stays when its stack is deleted or it is replaced. What a first deployment made that then failed (the name of a bucket was taken) goes again, since the next one could not
 * make a bucket or an alias that is there already. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
 */
export const KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
