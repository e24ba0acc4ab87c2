"""The parts of tools/tarn, one subject a file; tools/tarn itself only picks the command."""
