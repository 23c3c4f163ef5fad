import { casesOf, realEtcdTests } from "./suites/real-etcd.ts";

// Each version with three members, and each way to be let in with an old and a new one; the exhaustive suite has all of both.
realEtcdTests([
  ...casesOf("3.4", ["plain", "tls", "password"]),
  ...casesOf("3.5", ["tls", "certificate"]),
  ...casesOf("3.6", ["plain", "tls"]),
  ...casesOf("3.7", ["tls", "password", "certificate"]),
]);
