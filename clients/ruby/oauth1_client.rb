# The ruby-oauth gem, as the platform's own OAuth 1.0 sample uses it: with a token and without one, with parameters that
# need every rule of encoding, and what must not pass: a replay, a clock two hours off, a tampered query, a wrong secret.

require "json"
require "oauth"

platform = JSON.parse(File.read(ARGV[0]))["platforms"][ARGV[1]]
pair = platform["oauth1"][0]
consumer = OAuth::Consumer.new(pair["consumer_key"], pair["consumer_secret"], site: platform["api_url"])
access_token = OAuth::AccessToken.new(consumer, pair["token"], pair["token_secret"])
two_legged = OAuth::AccessToken.new(consumer)

path = "/api/v1/locations"
# No names that sort differently once encoded: there the gem does not follow RFC 5849 3.4.1.3.2.
awkward = "#{path}?" + URI.encode_www_form([["q", "a b&c=d/ü☃~-._!*'()+%25"], ["x", "2"], ["x", "10"], ["x", ""], ["a[]", "3"]])
raw = "#{path}?plus=a+b&lower=%c3%bc&bare&=nameless"

bodies = [access_token, two_legged].product([path, awkward, raw]).map do |token, where|
  reply = token.get(where)
  abort "GET #{where}: #{reply.code} #{reply.body}" unless reply.code == "200"
  reply.body
end
abort "the same call was answered differently" unless bodies.uniq.size == 1

api = URI(platform["api_url"])
http = Net::HTTP.new(api.host, api.port)
http.use_ssl = api.scheme == "https"

header = lambda do |by = consumer, token = access_token, **more|
  request = Net::HTTP::Get.new(awkward)
  request.oauth!(http, by, token, more)
  request["Authorization"]
end
status = ->(where, authorization) { http.get(where, "Authorization" => authorization).code.to_i }

once = header.()
statuses = [status.(awkward, once), status.(awkward, once)]
abort "a replay: #{statuses}" unless statuses == [200, 401]
[-2, 2].each do |hours|
  off = header.(timestamp: (Time.now.to_i + hours * 3600).to_s)
  abort "a clock #{hours} h off was taken" unless status.(awkward, off) == 401
end
abort "a tampered query was taken" unless status.(awkward.sub("x=10", "x=11"), header.()) == 401
wrong = OAuth::Consumer.new(pair["consumer_key"], "wrong", site: platform["api_url"])
abort "a wrong consumer secret was taken" unless status.(awkward, header.(wrong)) == 401
wrong = OAuth::AccessToken.new(consumer, pair["token"], "wrong")
abort "a wrong token secret was taken" unless status.(awkward, header.(consumer, wrong)) == 401
nobody = OAuth::Consumer.new("nobody", pair["consumer_secret"], site: platform["api_url"])
abort "an unknown consumer was taken" unless status.(awkward, header.(nobody)) == 401
puts "ok ruby-oauth"
