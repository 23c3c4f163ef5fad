/** What AWS is called with, as the SDK's clients take it. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** When they end. */
  readonly expiration: Date;
}

/** Gives credentials that last for a while; asked again before they end. */
export type CredentialSource = () => Promise<AwsCredentials>;
