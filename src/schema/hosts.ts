import * as z from 'zod';

/** The `schema` value of the hosts files that this version reads. */
export const hostsSchemaId = 'packferry.hosts/v1';

/** How a host, and the engine on it, is reached; what is absent is left to ssh_config and to what is found there. */
const settings = {
  address: z
    .string()
    .max(255)
    .exactOptional()
    .describe('What is connected to, where that is not the name of the host.'),
  user: z.string().max(64).exactOptional(),
  port: z.int().min(1).max(65_535).exactOptional(),
  engine: z.enum(['docker', 'podman']).exactOptional().describe('Docker before Podman where it is not said.'),
  as: z.string().max(64).exactOptional().describe('The user there whose engine is meant, by sudo.'),
  sudo: z.boolean().exactOptional().describe('The engine of root, by sudo.'),
  socket: z.string().max(256).exactOptional().describe('The path of the socket of the engine.'),
};

/** The keys of the settings of hosts and groups. */
export const hostSettingKeys: readonly string[] = Object.keys(settings);

const name = z.string().min(1).max(255);

/** A hosts file in packferry's own form: hosts, alone and in groups, and how they are reached. */
export const hostsSchema = z.strictObject({
  schema: z.literal(hostsSchemaId),
  defaults: z.strictObject(settings).exactOptional().describe('For all hosts.'),
  hosts: z
    .record(name, z.strictObject(settings).nullable())
    .exactOptional()
    .describe('Hosts that are in no group, and the settings of single hosts; with ranges, as app[01:20].'),
  groups: z
    .record(
      name,
      z.strictObject({
        hosts: z.array(name).max(10_000).exactOptional(),
        children: z
          .array(name)
          .max(1_000)
          .exactOptional()
          .describe('Groups whose hosts are in this one, too.'),
        ...settings,
      }),
    )
    .exactOptional(),
});

export type HostsDocument = z.infer<typeof hostsSchema>;
