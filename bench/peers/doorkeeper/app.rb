# Doorkeeper on PostgreSQL: a Rails application with nothing but its token and introspection endpoints, secrets in plain.

require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "doorkeeper"
require "json"
require "logger"

class BenchApp < Rails::Application
  config.root = __dir__
  config.eager_load = true
  config.consider_all_requests_local = false
  config.secret_key_base = "bench"
  config.hosts.clear
  config.logger = Logger.new(IO::NULL)
  config.api_only = true
end

ENV["DATABASE_URL"] += (ENV["DATABASE_URL"].include?("?") ? "&" : "?") + "pool=16"

Doorkeeper.configure do
  orm :active_record
  resource_owner_authenticator { raise "nobody signs in" }
  use_refresh_token
  grant_flows %w[authorization_code client_credentials]
  client_credentials :from_params
  default_scopes :read
  allow_token_introspection { |token, client, _| client && token.application_id == client.id }
end

BenchApp.initialize!

BenchApp.routes.draw do
  scope module: "doorkeeper" do
    post "/oauth/token", to: "tokens#create"
    post "/oauth/introspect", to: "tokens#introspect"
  end
end

CLIENT = { client_id: "bench", client_secret: "bench-secret-0123456789abcdef" }.freeze

# The columns of its generated migrations.
def tables
  ActiveRecord::Schema.define do
    create_table :oauth_applications do |t|
      t.string :name, null: false
      t.string :uid, null: false, index: { unique: true }
      t.string :secret, null: false
      t.text :redirect_uri, null: false
      t.string :scopes, null: false, default: ""
      t.boolean :confidential, null: false, default: true
      t.timestamps null: false
    end
    create_table :oauth_access_grants do |t|
      t.references :resource_owner, null: false
      t.references :application, null: false
      t.string :token, null: false, index: { unique: true }
      t.integer :expires_in, null: false
      t.text :redirect_uri, null: false
      t.datetime :created_at, null: false
      t.datetime :revoked_at
      t.string :scopes, null: false, default: ""
    end
    create_table :oauth_access_tokens do |t|
      t.references :resource_owner, index: true
      t.references :application, null: false
      t.string :token, null: false, index: { unique: true }
      t.string :refresh_token, index: { unique: true }
      t.integer :expires_in
      t.datetime :revoked_at
      t.datetime :created_at, null: false
      t.string :scopes
      t.string :previous_refresh_token, null: false, default: ""
    end
  end
end

def seed(file, count)
  ActiveRecord::Migration.verbose = false
  tables
  app = Doorkeeper::Application.create!(
    name: "bench", uid: CLIENT[:client_id], secret: CLIENT[:client_secret],
    redirect_uri: "https://bench.example/callback", scopes: "read"
  )
  lines = (1..count).map do |number|
    token = Doorkeeper::AccessToken.create!(
      application_id: app.id, resource_owner_id: number, scopes: "read", expires_in: 86_400, use_refresh_token: true
    )
    JSON.generate(CLIENT.merge(access: token.token, refresh: token.refresh_token, spent: "", pending: ""))
  end
  File.write("#{file}.new", lines.join("\n") + "\n")
  File.rename("#{file}.new", file)
end
