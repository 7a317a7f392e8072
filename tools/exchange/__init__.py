"""Other tools' files: writes their inputs, judges their outputs, makes stored numbers of measurements."""
