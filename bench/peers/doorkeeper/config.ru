require "./app"
run Rails.application
