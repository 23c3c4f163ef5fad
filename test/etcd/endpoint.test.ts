import { expect, test } from "vitest";

import { parseEndpoint } from "../../shared/etcd/grpc/endpoint.ts";

test.each([
  ["https://10.0.0.1:2379", { secure: true, host: "10.0.0.1", port: 2379, authority: "10.0.0.1:2379" }],
  ["http://etcd.example.com:2379/", { secure: false, host: "etcd.example.com", port: 2379, authority: "etcd.example.com:2379" }],
  ["https://[2001:db8::1]:2379", { secure: true, host: "2001:db8::1", port: 2379, authority: "[2001:db8::1]:2379" }],
  ["https://etcd.example.com", { secure: true, host: "etcd.example.com", port: 443, authority: "etcd.example.com:443" }],
  ["http://[::1]", { secure: false, host: "::1", port: 80, authority: "[::1]:80" }],
])("%s is taken apart", (url, parts) => {
  expect(parseEndpoint(url)).toEqual({ url, ...parts });
});

test.each([
  ["10.0.0.1:2379", 'endpoint "10.0.0.1:2379" is not a URL of etcd'],
  ["ftp://10.0.0.1", 'endpoint "ftp://10.0.0.1" is not a URL of etcd'],
  ["https://", 'endpoint "https://" is not a URL of etcd'],
  ["https://host:99999", 'endpoint "https://host:99999" is not a URL of etcd'],
  ["https://host:2379/v3", "endpoint https://host:2379/v3 has a path, and etcd has none"],
  ["https://root:secret@host:2379", "endpoint https://host:2379 holds a user name or password"],
  ["root:secret@host:2379", 'endpoint "host:2379" is not a URL of etcd'],
])("%s is refused", (url, message) => {
  const parse = (): unknown => parseEndpoint(url);
  expect(parse).toThrow(expect.objectContaining({ code: "config/invalid", message }));
});
