<?php
// PHP's curl, as the platforms' PHP sample uses it: http_build_query, and the secret in the body.

$platform = json_decode(file_get_contents($argv[1]), true)['platforms'][$argv[2]];
$app = $platform['apps'][0];
$redirect = $app['redirect_uris'][0];
$admin = current(array_filter($platform['people'], fn ($person) => $person['role'] === 'customer_admin'));

function demand(bool $holds, string $otherwise): void
{
    if (!$holds) {
        fwrite(STDERR, $otherwise . "\n");
        exit(1);
    }
}

function address(array $platform, string $path): string
{
    $found = $platform['paths'][$path];
    return str_starts_with($found, 'http') ? $found
        : $platform[$path === 'authorize' ? 'login_url' : 'api_url'] . $found;
}

function send(string $url, ?array $fields = null, ?string $bearer = null): array
{
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    if ($fields !== null) {
        curl_setopt($curl, CURLOPT_POST, true);
        curl_setopt($curl, CURLOPT_POSTFIELDS, http_build_query($fields));
    }
    if ($bearer !== null) {
        curl_setopt($curl, CURLOPT_HTTPHEADER, ["Authorization: Bearer $bearer"]);
    }
    $body = curl_exec($curl);
    demand($body !== false, curl_error($curl));
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), json_decode($body, true)];
}

// The sample sends no state.
$authorize = address($platform, 'authorize') . '?' . http_build_query([
    'response_type' => 'code', 'client_id' => $app['client_id'], 'redirect_uri' => $redirect, 'scope' => $app['scopes'],
]);
$words = ['python3', getenv('CAUSEWAY_WALK'), $authorize, $redirect, $admin['email'], $admin['password']];
$callback = exec(implode(' ', array_map('escapeshellarg', $words)), $lines, $status);
demand($status === 0, 'the walk failed');
parse_str(parse_url($callback, PHP_URL_QUERY), $answer);
demand(isset($answer['code']) && !isset($answer['state']), "the callback is odd: $callback");

$credentials = ['client_id' => $app['client_id'], 'client_secret' => $app['client_secret']];
$exchange = ['grant_type' => 'authorization_code', 'code' => $answer['code'], 'redirect_uri' => $redirect];
[$status, $first] = send(address($platform, 'token'), $exchange + $credentials);
demand($status === 200 && isset($first['access_token'], $first['refresh_token']), "the exchange: $status");

[$status] = send($platform['api_url'] . '/v1/sites', null, $first['access_token']);
demand($status === 200, "GET /v1/sites: $status");

$refresh = ['grant_type' => 'refresh_token', 'refresh_token' => $first['refresh_token']] + $credentials;
[$status, $second] = send(address($platform, 'token'), $refresh);
demand($status === 200 && $second['refresh_token'] !== $first['refresh_token'], "the refresh: $status");
[$status] = send($platform['api_url'] . '/v1/sites', null, $second['access_token']);
demand($status === 200, "the refreshed token: $status");

[$status, $stale] = send(address($platform, 'token'), $refresh);
demand($status === 400 && $stale['error'] === 'invalid_grant', "the stale refresh: $status");
echo "ok PHP curl\n";
