<?php
// PHP's oauth extension, as the platform's own OAuth 1.0 sample uses it: with a token and without one, with parameters that
// need every rule of encoding, and what must not pass: a replay, a clock two hours off, a tampered query, a wrong secret.

$platform = json_decode(file_get_contents($argv[1]), true)['platforms'][$argv[2]];
$pair = $platform['oauth1'][0];
$locations = $platform['api_url'] . '/api/v1/locations';
// No names that sort differently once encoded: there the extension does not follow RFC 5849 3.4.1.3.2.
$awkward = ['q' => "a b&c=d/ü☃~-._!*'()+%25", 'x' => ['2', '10', ''], 'empty' => ''];

function demand(bool $holds, string $otherwise): void
{
    if (!$holds) {
        fwrite(STDERR, $otherwise . "\n");
        exit(1);
    }
}

function client(array $pair, bool $token = true): OAuth
{
    $key = [$pair['consumer_key'], $pair['consumer_secret']];
    $oauth = new OAuth($key[0], $key[1], OAUTH_SIG_METHOD_HMACSHA1, OAUTH_AUTH_TYPE_AUTHORIZATION);
    if ($token) {
        $oauth->setToken($pair['token'], $pair['token_secret']);
    }
    return $oauth;
}

function status(OAuth $oauth, string $url, array $parameters = []): int
{
    try {
        $oauth->fetch($url, $parameters, OAUTH_HTTP_METHOD_GET);
    } catch (OAuthException $refused) {
        return $refused->getCode();
    }
    return $oauth->getLastResponseInfo()['http_code'];
}

$bodies = [];
foreach ([true, false] as $token) {
    $oauth = client($pair, $token);
    demand($oauth->fetch($locations), 'the sample: ' . $oauth->getLastResponse());
    $bodies[] = $oauth->getLastResponse();
    $status = status($oauth, $locations, $awkward);
    demand($status === 200, "awkward parameters: $status " . $oauth->getLastResponse());
    $bodies[] = $oauth->getLastResponse();
    $status = status($oauth, $locations . '?plus=a+b&lower=%c3%bc');
    demand($status === 200, "a query written otherwise: $status " . $oauth->getLastResponse());
}
demand(count(array_unique($bodies)) === 1, 'the same call was answered differently');

$once = client($pair);
$once->setNonce(bin2hex(random_bytes(12)));
$once->setTimestamp((string) time());
demand(status($once, $locations) === 200, 'a nonce of its own');
demand(status($once, $locations) === 401, 'a replay was taken');

foreach ([-2, 2] as $hours) {
    $off = client($pair);
    $off->setTimestamp((string) (time() + $hours * 3600));
    demand(status($off, $locations, $awkward) === 401, "a clock $hours h off was taken");
}

// The extension signs and curl sends, so that something can be changed between.
$header = client($pair)->getRequestHeader('GET', "$locations?x=10");
foreach (["$locations?x=11" => 401, "$locations?x=10" => 200] as $url => $wanted) {
    $curl = curl_init($url);
    curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => ["Authorization: $header"]]);
    curl_exec($curl);
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    demand($status === $wanted, "$url signed for x=10: $status");
}

foreach (['consumer_secret', 'token_secret', 'consumer_key'] as $field) {
    demand(status(client([$field => 'wrong'] + $pair), $locations, $awkward) === 401, "a wrong $field was taken");
}
echo "ok PHP oauth\n";
