"""What trainable parts share: loop, losses, negatives, distillation."""
