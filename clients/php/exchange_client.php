<?php
// The exchange of an OAuth 1.0 pair as the platform's own PHP sample has it; only host and credentials are filled in.

$platform = json_decode(file_get_contents($argv[1]), true)['platforms'][$argv[2]];
$app = $platform['apps'][0];
$pair = $platform['oauth1'][(int) $argv[3]];
define('HOST', $platform['api_url']);
define('CLIENT_ID', $app['client_id']);
define('CLIENT_SECRET', $app['client_secret']);
define('CUSTOMER_OAUTH1_CONSUMER_KEY', $pair['consumer_key']);
define('CUSTOMER_OAUTH1_CONSUMER_SECRET', $pair['consumer_secret']);

// Exchange existing OAuth 1.0 credentials for OAuth 2.0 tokens
$ch = curl_init(HOST . '/oauth2/token');
curl_setopt($ch, CURLOPT_POST, true);
curl_setopt($ch, CURLOPT_POSTFIELDS, http_build_query([
    'grant_type' => 'oauth1_exchange',
    'client_id' => CLIENT_ID,
    'client_secret' => CLIENT_SECRET,
    'consumer_key' => CUSTOMER_OAUTH1_CONSUMER_KEY,
    'consumer_secret' => CUSTOMER_OAUTH1_CONSUMER_SECRET
]));
curl_setopt($ch, CURLOPT_HTTPHEADER, [
    'Content-Type: application/x-www-form-urlencoded'
]);
curl_setopt($ch, CURLOPT_RETURNTRANSFER, true);
$response = json_decode(curl_exec($ch), true);
curl_close($ch);

$accessToken = $response['access_token'];
$refreshToken = $response['refresh_token'];

// Make API request
$ch = curl_init(HOST . '/api/v1/locations');
curl_setopt($ch, CURLOPT_HTTPHEADER, [
    'Authorization: Bearer ' . $accessToken
]);
curl_setopt($ch, CURLOPT_RETURNTRANSFER, true);
$apiResponse = curl_exec($ch);

// Beyond the sample.
$status = curl_getinfo($ch, CURLINFO_RESPONSE_CODE);
curl_close($ch);
if ($status !== 200 || !$refreshToken) {
    fwrite(STDERR, "GET /api/v1/locations: $status $apiResponse\n");
    exit(1);
}
echo "ok php exchange\n";
