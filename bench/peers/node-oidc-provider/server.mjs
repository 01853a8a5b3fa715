// node-oidc-provider on PostgreSQL: one process, one table, prepared statements, refresh tokens always rotated.
// `node server.mjs PORT CHAINS COUNT DATABASE_URL`: writes COUNT chains to the file, then listens.
import { writeFileSync } from 'node:fs';
import pg from 'pg';
import Provider from 'oidc-provider';

const [port, file, count, database] = process.argv.slice(2);
const client = { client_id: 'bench', client_secret: 'bench-secret-0123456789abcdef' };
const scope = 'offline_access read';

const pool = new pg.Pool({ connectionString: database, max: 20 });
await pool.query(`CREATE TABLE IF NOT EXISTS oidc (
  id text PRIMARY KEY, payload jsonb NOT NULL, grant_id text, expires_at timestamptz, consumed_at timestamptz)`);
await pool.query('CREATE INDEX IF NOT EXISTS oidc_grant ON oidc (grant_id)');

class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    await pool.query({
      name: 'upsert',
      text: `INSERT INTO oidc (id, payload, grant_id, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET payload = $2, grant_id = $3, expires_at = $4`,
      values: [this.key(id), payload, payload.grantId, expiresIn ? new Date(Date.now() + expiresIn * 1000) : null],
    });
  }

  async find(id) {
    const { rows } = await pool.query({
      name: 'find',
      text: 'SELECT payload, consumed_at FROM oidc WHERE id = $1',
      values: [this.key(id)],
    });
    return rows[0] && { ...rows[0].payload, ...(rows[0].consumed_at ? { consumed: true } : undefined) };
  }

  async consume(id) {
    await pool.query({ name: 'consume', text: 'UPDATE oidc SET consumed_at = now() WHERE id = $1', values: [this.key(id)] });
  }

  async destroy(id) {
    await pool.query({ name: 'destroy', text: 'DELETE FROM oidc WHERE id = $1', values: [this.key(id)] });
  }

  async revokeByGrantId(grantId) {
    await pool.query({ name: 'revoke', text: 'DELETE FROM oidc WHERE grant_id = $1', values: [grantId] });
  }

  async findByUid() {}

  async findByUserCode() {}
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Adapter,
  clients: [
    {
      ...client,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: ['https://bench.example/callback'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  scopes: ['offline_access', 'read'],
  rotateRefreshToken: true,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  ttl: { AccessToken: 86400, ClientCredentials: 3600, Grant: 86400 * 30, RefreshToken: 86400 * 30, IdToken: 3600 },
  cookies: { keys: ['bench'] },
});

async function chain(number) {
  const owner = { accountId: `user-${number}`, clientId: client.client_id };
  const grant = new provider.Grant(owner);
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const found = await provider.Client.find(client.client_id);
  const fields = { accountId: owner.accountId, client: found, grantId, scope, gty: 'authorization_code', authTime: 1 };
  const access = await new provider.AccessToken(fields).save();
  const refresh = await new provider.RefreshToken({ ...fields, rotations: 0, iiat: Math.floor(Date.now() / 1000) }).save();
  return JSON.stringify({ ...client, access, refresh, spent: '', pending: '' });
}

const lines = await Promise.all(Array.from({ length: Number(count) }, (_, number) => chain(number)));
writeFileSync(file, lines.join('\n') + '\n');
provider.listen(Number(port), '127.0.0.1');
