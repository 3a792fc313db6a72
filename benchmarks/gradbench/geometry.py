"""Residuals of geometry: ba and ht. Their Jacobians are sparse, and the programs compute their blocks."""

import functools

import numpy as np
from registry import problem, warmed

from autograd import compile, cos, dot, grad, jacfwd, jacobian, jvp, sin, sqrt, vmap

# ---------------------------------------------------------------------------------------------------------------------
# ba: bundle adjustment

CAMERA = 11
BLOCK = CAMERA + 3 + 1


def cross(a, b):
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def inner(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def rotated(axis, point):
    """Rotate a point by Rodrigues' formula; the length of the axis is the angle."""
    square = inner(axis, axis)
    if square == 0:
        return [p + c for p, c in zip(point, cross(axis, point), strict=True)]
    angle = sqrt(square)
    unit = [a / angle for a in axis]
    cosine, sine = cos(angle), sin(angle)
    along = inner(unit, point) * (1 - cosine)
    return [p * cosine + c * sine + u * along for p, c, u in zip(point, cross(unit, point), unit, strict=True)]


def reprojection_error(camera, point, weight, feature):
    """Return the weighted error of a camera's image of a point."""
    rotation, centre, focal, principal, radial = camera[0:3], camera[3:6], camera[6], camera[7:9], camera[9:11]
    x, y, z = rotated(rotation, [p - c for p, c in zip(point, centre, strict=True)])
    image = x / z, y / z
    square = inner(image, image)
    distortion = 1 + radial[0] * square + radial[1] * square * square
    projected = [i * distortion * focal + p for i, p in zip(image, principal, strict=True)]
    return np.array([weight * (p - f) for p, f in zip(projected, feature, strict=True)])


def reprojection_block(camera, point, weight, feature):
    """Return the derivatives of the two errors by the parameters of the camera, the point and the weight."""
    blocks = jacobian(reprojection_error, argnums=(0, 1, 2))(camera, point, weight, feature)
    return np.column_stack(blocks)


def weight_error(weight):
    return 1 - weight * weight


class BundleAdjustment:
    """Observations of points by cameras; the k-th is that of point ``k % m`` by camera ``k % n``."""

    errors = staticmethod(compile(vmap(reprojection_error)))
    blocks = staticmethod(compile(vmap(reprojection_block)))
    weight_errors = staticmethod(compile(vmap(weight_error)))
    weight_slopes = staticmethod(compile(vmap(grad(weight_error))))

    def __init__(self, given):
        self.n, self.m, self.p = n, m, p = given["n"], given["m"], given["p"]
        self.cameras = np.tile(np.array(given["cam"]), (n, 1))
        self.points = np.tile(np.array(given["x"]), (m, 1))
        self.weights = np.full(p, given["w"])
        self.features = np.tile(np.array(given["feat"]), (p, 1))
        self.camera, self.point = np.arange(p) % n, np.arange(p) % m

    def observations(self):
        return (
            self.cameras.take(self.camera, axis=0),
            self.points.take(self.point, axis=0),
            self.weights,
            self.features,
        )

    def objective(self):
        return self.errors(*self.observations()), self.weight_errors(self.weights)

    def jacobian(self):
        """Return the values, columns and row starts of the Jacobian: two rows an observation, then one a weight."""
        n, m, p = self.n, self.m, self.p
        blocks = self.blocks(*self.observations())
        values = np.concatenate([np.ravel(blocks), self.weight_slopes(self.weights)])
        columns = np.empty(len(values), dtype=np.int32)
        of_weights = CAMERA * n + 3 * m + np.arange(p, dtype=np.int32)
        of_blocks = columns[: 2 * BLOCK * p].reshape(p, 2, BLOCK)
        of_blocks[..., :CAMERA] = (CAMERA * self.camera[:, None] + np.arange(CAMERA))[:, None]
        of_blocks[..., CAMERA:-1] = (CAMERA * n + 3 * self.point[:, None] + np.arange(3))[:, None]
        of_blocks[..., -1] = of_weights[:, None]
        columns[2 * BLOCK * p :] = of_weights
        starts = np.concatenate([np.arange(2 * p) * BLOCK, 2 * BLOCK * p + np.arange(p + 1)])
        return values, columns, starts


def encode_errors(result):
    """Return the errors of the first observation, which all have, and how many there are."""
    errors, weight_errors = result
    return {
        "reproj_error": {"elements": errors[0].tolist(), "repeated": len(errors)},
        "w_err": {"element": float(weight_errors[0]), "repeated": len(weight_errors)},
    }


def encode_jacobian(result):
    """Return the first block and the last entry."""
    return {
        name: [*part[: 2 * BLOCK].tolist(), part[-1].item()]
        for name, part in zip(("vals", "cols", "rows"), result, strict=True)
    }


problem("ba", "objective", encode_errors)(lambda given: warmed(BundleAdjustment(given).objective))
problem("ba", "jacobian", encode_jacobian)(lambda given: warmed(BundleAdjustment(given).jacobian))


# ---------------------------------------------------------------------------------------------------------------------
# ht: a hand fitted to points


def is_zero(x):
    return isinstance(x, float) and x == 0


def entry(row, column):
    """Return an entry of a product; what is known to be zero is left out."""
    terms = [(x, y) for x, y in zip(row, column, strict=True) if not is_zero(x) and not is_zero(y)]
    return dot(*zip(*terms, strict=True)) if terms else 0.0


def product(a, b):
    columns = list(zip(*b, strict=True))
    return [[entry(row, column) for column in columns] for row in a]


def axis_rotation(axis):
    """Return the matrix of a rotation about an axis, whose length is the angle."""
    angle = sqrt(inner(axis, axis))
    if angle < 1e-4:
        return np.eye(3).tolist()
    x, y, z = (a / angle for a in axis)
    s, c = sin(angle), cos(angle)
    return [
        [x * x + (1 - x * x) * c, x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
        [x * y * (1 - c) + z * s, y * y + (1 - y * y) * c, y * z * (1 - c) - x * s],
        [x * z * (1 - c) - y * s, z * y * (1 - c) + x * s, z * z + (1 - z * z) * c],
    ]


def joint_rotation(bend, spread):
    """Return the homogeneous matrix of a rotation about the first axis by `bend`, then about the third by `spread`."""
    s, c = sin(bend), cos(bend)
    bent = [[1.0, 0.0, 0.0, 0.0], [0.0, c, -s, 0.0], [0.0, s, c, 0.0], [0.0, 0.0, 0.0, 1.0]]
    s, c = sin(spread), cos(spread)
    return product([[c, -s, 0.0, 0.0], [s, c, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]], bent)


def joint_angles(theta, bones):
    """Return the two angles of every bone.

    After the wrist come five fingers of four bones. The first of these is stiff, the second has two angles, the others
    have one.
    """
    angles = [(0.0, 0.0)] * bones
    remaining = iter(theta[6:])
    for second in range(2, 22, 4):
        angles[second] = next(remaining), next(remaining)
        angles[second + 1] = next(remaining), 0.0
        angles[second + 2] = next(remaining), 0.0
    return angles


def bone_transforms(theta, model):
    """Return for every bone three rows of the matrix that turns it from the base pose to that of `theta`."""
    turn = axis_rotation(theta[:3])
    if model["is_mirrored"]:
        turn = [[-row[0], *row[1:]] for row in turn]
    transforms, absolutes = [], []
    bones = zip(
        model["parents"],
        model["base_relatives"],
        model["inverse_base_absolutes"],
        joint_angles(theta, len(model["parents"])),
        strict=True,
    )
    for parent, relative, inverse, angles in bones:
        absolute = product(relative, joint_rotation(*angles))
        absolutes.append(absolute if parent < 0 else product(absolutes[parent], absolute))
        transforms.append(product(turn, product(absolutes[-1], inverse)[:3]))
    return transforms


def posed_vertex(theta, base, weights, *, model):
    """Return the position of a vertex: the mean of what the bones make of it, and the translation of all."""
    weighted = [weight * coordinate for weight in weights for coordinate in base]
    transforms = bone_transforms(theta, model)
    rows = ([x for transform in transforms for x in transform[i]] for i in range(3))
    return np.array([dot(row, weighted) + shift for row, shift in zip(rows, theta[3:6], strict=True)])


def residual(u, corners, point):
    """Return the error of a point of a triangle, which `u` names."""
    shares = [u[0], u[1], 1 - u[0] - u[1]]
    return np.array([p - inner(shares, across) for p, across in zip(point, corners.T, strict=True)])


def residual_slopes(u, corners, slopes, point):
    """Return the derivatives of the error by `u` and by theta, by which those of the corners are given."""
    by_u = [jvp(lambda u: residual(u, corners, point), (u,), (direction,))[1] for direction in np.eye(2)]
    by_theta = [
        jvp(lambda corners: residual(u, corners, point), (corners,), (slopes[..., k],))[1]
        for k in range(slopes.shape[-1])
    ]
    return np.array(by_u + by_theta).T


class Hand:
    """The errors of points against those of a hand that correspond to them: vertices, or points of triangles."""

    #: Correspondences whose derivatives are combined at a time, so that those of their corners stay in the cache.
    CHUNK = 2048

    residuals = staticmethod(compile(vmap(residual)))
    slopes = staticmethod(compile(vmap(residual_slopes)))

    def __init__(self, given):
        model, points = given["data"]["model"], given["data"]
        self.theta, self.u = np.array(given["theta"]), np.array(given["us"])
        self.points = np.array(points["points"])
        chosen = np.array(points["correspondences"])
        if len(self.u):
            chosen = np.array(model["triangles"])[chosen]
        vertices, self.chosen = np.unique(chosen, return_inverse=True)
        self.chosen = self.chosen.reshape(chosen.shape)
        self.base, self.weights = (np.array(model[name])[vertices] for name in ("base_positions", "weights"))
        vertex = functools.partial(posed_vertex, model=model)
        self.vertices = compile(vmap(vertex, in_axes=(None, 0, 0)))
        self.tangents = compile(vmap(jacfwd(vertex), in_axes=(None, 0, 0)))

    def objective(self):
        vertices = self.vertices(self.theta, self.base, self.weights)[self.chosen]
        return self.residuals(self.u, vertices, self.points) if len(self.u) else self.points - vertices

    def jacobian(self):
        tangents = self.tangents(self.theta, self.base, self.weights)
        if not len(self.u):
            return -tangents[self.chosen]
        vertices = self.vertices(self.theta, self.base, self.weights)
        slopes = np.empty((*self.points.shape, 2 + len(self.theta)))
        for start in range(0, len(slopes), self.CHUNK):
            part = slice(start, start + self.CHUNK)
            corners = self.chosen[part]
            slopes[part] = self.slopes(self.u[part], vertices[corners], tangents[corners], self.points[part])
        return slopes


problem("ht", "objective", lambda errors: np.ravel(errors).tolist())(lambda given: warmed(Hand(given).objective))
problem("ht", "jacobian", lambda slopes: slopes.reshape(-1, slopes.shape[-1]).tolist())(
    lambda given: warmed(Hand(given).jacobian)
)
