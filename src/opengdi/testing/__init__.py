"""What tests share with whoever writes an adapter: seeded builders, and stores in memory that pass the contracts."""
