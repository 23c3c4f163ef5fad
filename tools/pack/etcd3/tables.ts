import protobuf from "protobufjs";
import type { Field, Method, Tables } from "./codec.ts";

/** The services of etcd3 that shared/etcd/grpc calls. */
const SERVICES = ["Auth", "Cluster", "Maintenance"] as const;
const SCALARS = ["bool", "bytes", "int64", "string", "uint32", "uint64"] as const;

/** The tables of the calls of `SERVICES` that have one message each way, from etcd3's .proto files. Throws where these hold what the codec does not know. */
export async function etcd3Tables(rpcProto: string): Promise<Tables> {
  const root = await new protobuf.Root().load(rpcProto, { keepCase: true });
  root.resolveAll();
  const messages: Record<string, readonly Field[]> = {};
  const add = (type: protobuf.Type): string => {
    const name = type.fullName.slice(1);
    if (Object.hasOwn(messages, name)) return name;
    // Known from now on: a message may hold itself.
    const fields: Field[] = [];
    messages[name] = fields;
    for (const each of type.fieldsArray) fields.push(fieldOf(each, add));
    return name;
  };
  const services = SERVICES.map((service) => {
    const full = `etcdserverpb.${service}`;
    const unary = root
      .lookupService(full)
      .methodsArray.filter(({ requestStream, responseStream }) => requestStream !== true && responseStream !== true);
    const methods = unary.map((method): [string, Method] => {
      method.resolve();
      const { name, resolvedRequestType, resolvedResponseType } = method;
      if (resolvedRequestType === null || resolvedResponseType === null) throw new Error(`${full}/${name} has no messages`);
      return [name, { request: add(resolvedRequestType), response: add(resolvedResponseType) }];
    });
    return [full, Object.fromEntries(methods)] as const;
  });
  return { messages, services: Object.fromEntries(services) };
}

function fieldOf(field: protobuf.Field, add: (type: protobuf.Type) => string): Field {
  const { id, name, repeated, resolvedType } = field;
  if (field.map || field.partOf !== null) throw new Error(`${field.fullName} is a map or one of several, which the codec does not know`);
  const common = { number: id, name, repeated };
  if (resolvedType instanceof protobuf.Type) return { ...common, type: { message: add(resolvedType) } };
  if (repeated && field.type !== "string" && field.type !== "bytes")
    throw new Error(`${field.fullName} is packed, which the codec does not know`);
  if (resolvedType instanceof protobuf.Enum) return { ...common, type: "enum", values: resolvedType.valuesById };
  const type = SCALARS.find((known) => known === field.type);
  if (type === undefined) throw new Error(`${field.fullName} is ${field.type}, which the codec does not know`);
  return { ...common, type };
}
