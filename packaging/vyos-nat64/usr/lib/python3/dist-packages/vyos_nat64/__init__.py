"""VyOS's configuration and operational mode over nat64ctl."""
