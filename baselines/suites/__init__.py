"""Which matrices do people run? (one TOML each; ganbench finds them through entry points)"""
