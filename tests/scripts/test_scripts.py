"""Small scripts of the kind people write, unchanged on PyTorch and on symgrad: they print the same.

Starting values are set, since the two libraries' random numbers differ.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts.running import both, printed, same_text

SET = """
def set_values(model):
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(torch.linspace(-0.5 + 0.1 * k, 0.5, p.numel()).reshape(p.shape))
"""

SCRIPTS = {
    "tensors": """
import torch
x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
y = (x ** 2).sum()
y.backward()
print(x.grad, y.item(), x.shape, x.dtype == torch.float32, x.device)
print(torch.arange(6).view(2, 3) @ torch.ones(3, 2, dtype=torch.long))
print(torch.cat([x, x]).detach().numpy().tolist(), x.max().item(), x.argmax(dim=1), torch.stack([x[0], x[1]]).T)
""",
    "linear regression": """
import torch
import torch.nn as nn
import torch.optim as optim
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
x = torch.linspace(0, 1, 20, device=device).unsqueeze(1)
y = 3 * x + 2
model = nn.Linear(1, 1).to(device)
nn.init.constant_(model.weight, 0.5)
nn.init.zeros_(model.bias)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(50):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        print(f"epoch {epoch}: loss {loss.item():.4f}")
print(model, sum(p.numel() for p in model.parameters() if p.requires_grad))
for name, p in model.named_parameters():
    print(name, p.data)
""",
    "classifier with a class": """
import torch
from torch import nn, optim
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
SET
class Net(nn.Module):
    def __init__(self, hidden=8):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, 3)
    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))
def accuracy(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for xb, yb in loader:
            pred = model(xb).argmax(1)
            correct += (pred == yb).sum().item()
            total += yb.size(0)
    return correct / total
grid = torch.linspace(-1, 1, 60)
X = torch.stack([grid, grid.sin()], dim=1)
Y = (grid > -0.3).long() + (grid > 0.3).long()
train = TensorDataset(X[::2], Y[::2])
loader = DataLoader(train, batch_size=7, shuffle=False)
model = Net()
set_values(model)
opt = optim.Adam(model.parameters(), lr=0.05)
scheduler = optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
for epoch in range(4):
    model.train()
    running = 0.0
    for i, (xb, yb) in enumerate(loader):
        opt.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(yb)
    scheduler.step()
    print("Epoch %d loss %.4f lr %s" % (epoch, running / len(train), scheduler.get_last_lr()))
print(accuracy(model, DataLoader(TensorDataset(X[1::2], Y[1::2]), 16)), len(loader))
print([len(part) for part in random_split(train, [20, 10], generator=torch.Generator().manual_seed(42))])
print(model)
""",
    "custom dataset and collate": """
import torch
from torch.utils.data import Dataset, DataLoader
class Words(Dataset):
    words = ["one", "three", "fifteen", "a", "of"]
    def __len__(self):
        return len(self.words)
    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        return {"ids": torch.tensor([ord(c) - 96 for c in self.words[idx]]), "length": len(self.words[idx])}
def pad(batch):
    ids = [b["ids"] for b in batch]
    out = torch.zeros(len(ids), max(map(len, ids)), dtype=torch.long)
    for row, t in zip(out, ids):
        row[:len(t)] = t
    return out, torch.tensor([b["length"] for b in batch])
for ids, lengths in DataLoader(Words(), batch_size=2, collate_fn=pad):
    print(ids, lengths)
if __name__ == "__main__":
    for batch in DataLoader(Words(), batch_size=1, num_workers=1, drop_last=True):
        print(batch["ids"].shape, batch["length"])
""",
    "checkpoints": """
import os, sys, torch
import torch.nn as nn
SET
path = os.path.join(sys.argv[1], "checkpoint.pt")
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
set_values(model)
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
x = torch.linspace(-1, 1, 15).view(5, 3)
def step(model, opt):
    loss = model(x).pow(2).mean()
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    return loss.item()
for _ in range(3):
    step(model, opt)
torch.save({"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": opt.state_dict()}, path)
checkpoint = torch.load(path, map_location=torch.device("cpu"), weights_only=True)
other = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
print(other.load_state_dict(checkpoint["model_state_dict"]))
opt2 = torch.optim.Adam(other.parameters())
opt2.load_state_dict(checkpoint["optimizer_state_dict"])
print(checkpoint["epoch"], [step(model, opt) for _ in range(3)], [step(other, opt2) for _ in range(3)])
print(sorted(checkpoint["optimizer_state_dict"]["state"][0]))
""",
    "switches": """
import random
import numpy as np
import torch
import torch.backends.cudnn as cudnn
def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
seed_everything(1)
cudnn.enabled = False
print(torch.are_deterministic_algorithms_enabled(), cudnn.deterministic)
torch.set_float32_matmul_precision("high")
print(torch.get_float32_matmul_precision(), torch.cuda.is_available(), torch.cuda.device_count())
n = torch.get_num_threads()
torch.set_num_threads(1)
print(torch.get_num_threads())
torch.set_num_threads(n)
torch.set_default_dtype(torch.float64)
print(torch.ones(2).dtype == torch.double, torch.tensor([0.1]))
torch.set_default_dtype(torch.float32)
torch.use_deterministic_algorithms(False)
major, minor = map(int, torch.__version__.split("+")[0].split(".")[:2])
print(major, minor, torch.version.cuda, torch.backends.mps.is_available(), torch.accelerator.is_available())
a = torch.rand(3)
torch.manual_seed(1)
print(torch.equal(a, torch.rand(3)) or "drawn after the seed", torch.finfo(torch.float32).eps)
print(torch.typename(torch.ones(1)))
""",
    "compiled": """
import torch
import torch.nn as nn
SET
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
set_values(model)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
@torch.compile(dynamic=False, mode="default", backend="BACKEND")
def loss_of(x, y):
    return ((model(x) - y) ** 2).mean()
fast = torch.compile(model, backend="BACKEND")
x, y = torch.linspace(-1, 1, 16).view(8, 2), torch.linspace(0, 1, 8).view(8, 1)
for _ in range(5):
    opt.zero_grad()
    loss = loss_of(x, y)
    loss.backward()
    opt.step()
    print(loss.item())
print(fast(x).sum().item(), torch.compile(lambda t: t + 1, disable=True)(x).sum().item())
""",
    "autograd": """
import torch
from torch.autograd import Variable, Function
import torch.autograd.functional as AF
class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 3 * x ** 2 * g
x = Variable(torch.arange(4.), requires_grad=True)
y = Cube.apply(x)
(g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
print(g, torch.autograd.grad(g.sum(), x))
print(AF.jacobian(lambda t: t * t.sum(), torch.ones(2)), torch.func.grad(torch.sin)(torch.tensor(0.5)))
with torch.no_grad():
    z = x * 2
print(z.requires_grad, y.grad_fn is not None, torch.is_grad_enabled())
with torch.set_grad_enabled(False):
    print((x * 2).requires_grad)
try:
    y.backward()
except RuntimeError as e:
    print("grad can be implicitly created" in str(e))
""",
    "numpy and friends": """
import math
import numpy as np
import torch
a = np.linspace(0, 1, 5)
t = torch.from_numpy(a)
t[0] = 7
print(a[0], torch.as_tensor(a).dtype == torch.float64, torch.Tensor([1, 2]))
print(torch.FloatTensor(2, 2).shape, torch.LongTensor([1, 2]))
print(np.sin(t.numpy()).sum(), torch.linalg.norm(t), torch.special.expit(t[1]), math.pi)
print(torch.where(t > 0.5, t, torch.zeros_like(t)), t.tolist(), list(t.size()), t.int(), isinstance(t, torch.Tensor))
print(torch.einsum("i,j->ij", t, t).trace(), torch.allclose(t, t + 1e-9), torch.topk(t, 2).values, t.sort().indices)
""",
    "gradient accumulation and clipping by hand": """
import torch
import torch.nn as nn
SET
model = nn.Linear(4, 2)
set_values(model)
opt = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
data = torch.linspace(-2, 2, 48).view(12, 4)
for i, x in enumerate(data.split(3)):
    loss = nn.functional.smooth_l1_loss(model(x), torch.ones(3, 2)) / 2
    loss.backward()
    if (i + 1) % 2 == 0:
        total = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.parameters()))
        for p in model.parameters():
            p.grad.mul_(torch.clamp(0.5 / (total + 1e-6), max=1.0))
        opt.step()
        opt.zero_grad()
        print(i, total.item(), [p.norm().item() for p in model.parameters()])
""",
    "frozen layers and parameter groups": """
import copy
import torch
from torch import nn
SET
net = nn.Sequential()
net.add_module("features", nn.Linear(3, 3))
net.add_module("act", nn.Sigmoid())
net.add_module("head", nn.Linear(3, 2))
set_values(net)
for p in net.features.parameters():
    p.requires_grad = False
frozen = copy.deepcopy(net.features.weight)
opt = torch.optim.SGD([{"params": net.head.weight}, {"params": [net.head.bias], "lr": 0.5, "weight_decay": 0}],
                      lr=0.1, weight_decay=0.01)
for group in opt.param_groups:
    print(group["lr"], group["weight_decay"], len(group["params"]))
for _ in range(3):
    opt.zero_grad()
    out = net(torch.ones(2, 3))
    nn.NLLLoss()(nn.LogSoftmax(dim=1)(out), torch.tensor([0, 1])).backward()
    opt.step()
print(torch.equal(frozen, net.features.weight), net.head.bias, net.features.weight.grad)
print(list(net.state_dict()), [type(m).__name__ for m in net.modules()], net.training)
net.apply(lambda m: print("applied", type(m).__name__))
""",
    "mixed precision switched off": """
import torch
from torch import nn
model = nn.Linear(2, 1)
nn.init.ones_(model.weight)
nn.init.zeros_(model.bias)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
use_amp = torch.cuda.is_available()
scaler = torch.amp.GradScaler("cuda", enabled=use_amp)
for _ in range(2):
    with torch.autocast("cuda", enabled=use_amp):
        loss = model(torch.ones(1, 2)).sum()
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
    opt.zero_grad()
    print(loss.item(), scaler.is_enabled())
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str, tmp_path: Path) -> None:
    text = SCRIPTS[name].replace("SET\n", SET)
    if name == "compiled":
        mine = printed(text.replace("BACKEND", "inductor"), alias=True)
        same_text(mine, printed(text.replace("BACKEND", "eager"), alias=False))
        return
    both(text, argv=(str(tmp_path),))
