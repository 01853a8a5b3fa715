# ruby-oauth signs the requests of standard input, one JSON object a line: {"base", "signature"} or {"refused"} for each.

require "json"
require "net/http"
require "oauth"

KINDS = { "GET" => Net::HTTP::Get, "POST" => Net::HTTP::Post, "PUT" => Net::HTTP::Put, "DELETE" => Net::HTTP::Delete,
          "PATCH" => Net::HTTP::Patch }.freeze

STDIN.each_line do |line|
  ask = JSON.parse(line)
  begin
    raise "no #{ask["signature_method"]}" unless ask["signature_method"] == "HMAC-SHA1"

    # As Net::HTTP is used: the host apart, the rest of the URL as it is.
    scheme, host, port, rest = ask["url"].match(%r{\A(\w+)://(\[.*?\]|[^/:?]+):?(\d*)(.*)\z}m).captures
    https = scheme.casecmp?("https")
    http = Net::HTTP.new(host, port.empty? ? (https ? 443 : 80) : port.to_i)
    http.use_ssl = https
    rest = "/#{rest}" unless rest.start_with?("/")
    request = KINDS.fetch(ask["method"]).new(rest)
    # With any other type the gem adds a hash of the body.
    request["Content-Type"] = "application/x-www-form-urlencoded"
    request.body = ask["body"]
    consumer = OAuth::Consumer.new(ask["consumer_key"], ask["consumer_secret"])
    token = ask["token"] && OAuth::AccessToken.new(consumer, ask["token"], ask["token_secret"])
    options = { nonce: ask["nonce"], timestamp: ask["timestamp"], signature_method: ask["signature_method"] }
    base = request.signature_base_string(http, consumer, token, options.dup)
    request.oauth!(http, consumer, token, options.dup)
    signature = OAuth::Helper.unescape(request["Authorization"][/oauth_signature="([^"]*)"/, 1])
    puts JSON.generate(base: base, signature: signature)
  rescue StandardError => e
    puts JSON.generate(refused: e.message.lines.first.to_s.strip.scrub)
  end
end
