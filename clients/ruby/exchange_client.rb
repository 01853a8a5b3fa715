# The exchange of an OAuth 1.0 pair as the platform's own Ruby sample has it; only host and credentials are filled in.

require "json"
require "oauth2"

platform = JSON.parse(File.read(ARGV[0]))["platforms"][ARGV[1]]
app = platform["apps"][0]
pair = platform["oauth1"][Integer(ARGV[2])]
CLIENT_ID = app["client_id"]
CLIENT_SECRET = app["client_secret"]
CUSTOMER_OAUTH1_CONSUMER_KEY = pair["consumer_key"]
CUSTOMER_OAUTH1_CONSUMER_SECRET = pair["consumer_secret"]

client = OAuth2::Client.new(
  CLIENT_ID,
  CLIENT_SECRET,
  site: platform["api_url"],
  token_url: "/oauth2/token"
)

# Exchange existing OAuth 1.0 credentials for OAuth 2.0 tokens
token = client.get_token(
  grant_type: "oauth1_exchange",
  consumer_key: CUSTOMER_OAUTH1_CONSUMER_KEY,
  consumer_secret: CUSTOMER_OAUTH1_CONSUMER_SECRET
)

# Make API request
response = token.get("/api/v1/locations")
abort "GET /api/v1/locations: #{response.status}" unless response.status == 200

# Refresh token when expired
abort "it is expired already" if token.expired?
new_token = token.refresh!

# Beyond the sample.
abort "the refresh token did not change" if new_token.refresh_token == token.refresh_token
abort "the refreshed token does not work" unless new_token.get("/api/v1/locations").status == 200
puts "ok ruby exchange"
