"""Reference sequences by digest. They are public: no door stands before them, and nothing personal may lie here."""
