"""train.py --seed S --dropout P --out FILE: a small network on digits, as a user has it."""

import argparse
import json

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


def train(seed: int, dropout: float) -> float:
    """The accuracy on held-out digits after 20 epochs."""
    torch.manual_seed(seed)
    pictures, labels = load_digits(return_X_y=True)
    split = train_test_split(pictures / 16, labels, test_size=0.5, random_state=seed)
    x, x_test = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
    y, y_test = (torch.tensor(part) for part in split[2:])
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 10))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(20):
        for batch in torch.randperm(len(x)).split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        return (model(x_test).argmax(dim=1) == y_test).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    accuracy = train(options.seed, options.dropout)
    with open(options.out, "w") as file:
        json.dump({"accuracy": accuracy}, file)
