# The ruby-oauth2 gem as Debian packages it: asks for no scope, sends no state.

require "json"
require "oauth2"
require "open3"

platform = JSON.parse(File.read(ARGV[0]))["platforms"][ARGV[1]]
app = platform["apps"][0]
admin = platform["people"].find { |person| person["role"] == "customer_admin" }
redirect_uri = app["redirect_uris"][0]

url = lambda do |path|
  found = platform["paths"][path]
  found.start_with?("http") ? found : platform[path == "authorize" ? "login_url" : "api_url"] + found
end

client = OAuth2::Client.new(
  app["client_id"], app["client_secret"],
  site: platform["api_url"], authorize_url: url.("authorize"), token_url: url.("token")
)
authorize = client.auth_code.authorize_url(redirect_uri: redirect_uri)
callback, status = Open3.capture2(
  "python3", ENV.fetch("CAUSEWAY_WALK"), authorize, redirect_uri, admin["email"], admin["password"]
)
abort "the walk failed" unless status.success?
answer = URI.decode_www_form(URI(callback.strip).query).to_h
abort "a state that was never sent came back" if answer.key?("state")

first = client.auth_code.get_token(answer.fetch("code"), redirect_uri: redirect_uri)
abort "the reply lacks its fields" unless first.refresh_token && first.expires_in.positive?

sites = first.get("/v1/sites")
abort "GET /v1/sites: #{sites.status}" unless sites.status == 200

second = first.refresh!
abort "the refresh token did not change" if second.refresh_token == first.refresh_token
abort "the refreshed token does not work" unless second.get("/v1/sites").status == 200

begin
  first.refresh!
rescue OAuth2::Error => e
  abort "the stale refresh was refused as #{e.code}" unless e.code == "invalid_grant"
  puts "ok ruby-oauth2"
else
  abort "a stale refresh token was taken"
end
