"""What a bar, a session and a minute are: pure rules that every other room builds on."""
