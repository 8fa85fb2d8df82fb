"""What comes after training, priced: chat, evaluation, merging, export."""
