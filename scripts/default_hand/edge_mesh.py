"""A triangle mesh that can be edited edge by edge: collapse, split, flip; its boundary stays as it is."""

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray


class EdgeMesh:
    """Vertices, faces and the faces around each vertex. Refuses every edit that would break the manifold."""

    def __init__(self, vertices: FloatArray, faces: IntArray) -> None:
        self.points: list[FloatArray] = list(vertices)
        self.faces: dict[int, tuple[int, int, int]] = {}
        self.around: dict[int, set[int]] = {}
        self._next_face = 0
        for a, b, c in faces.tolist():
            self._add((a, b, c))

    def arrays(self) -> tuple[FloatArray, IntArray]:
        """Compact vertices (V, 3) and faces (F, 3)."""
        used = sorted(self.around)
        place = {vertex: number for number, vertex in enumerate(used)}
        faces = [[place[vertex] for vertex in face] for face in self.faces.values()]
        return np.array([self.points[vertex] for vertex in used]), np.array(faces)

    def edges(self) -> list[tuple[int, int]]:
        """Undirected edges, smaller vertex first, sorted."""
        found: set[tuple[int, int]] = set()
        for a, b, c in self.faces.values():
            found.update((min(u, v), max(u, v)) for u, v in ((a, b), (b, c), (c, a)))
        return sorted(found)

    def neighbours(self, vertex: int) -> set[int]:
        """Vertices that share an edge with ``vertex``."""
        return {other for face in self.around[vertex] for other in self.faces[face]} - {vertex}

    def shared(self, u: int, v: int) -> list[int]:
        """The faces on both sides of an edge: one at the boundary, none if there is no such edge."""
        return sorted(self.around[u] & self.around[v])

    def boundary(self) -> set[int]:
        """Vertices at the boundary."""
        return {vertex for edge in self.edges() if len(self.shared(*edge)) == 1 for vertex in edge}

    def length(self, u: int, v: int) -> float:
        """Length of an edge."""
        return float(np.linalg.norm(self.points[u] - self.points[v]))

    def collapse(self, keep: int, gone: int, place: FloatArray) -> bool:
        """Merge two ends of an edge at ``place``; false where that would pinch the surface or turn a face over."""
        ends = self.shared(keep, gone)
        opposite = self.neighbours(keep) & self.neighbours(gone)
        if len(opposite) != len(ends) or not ends:
            return False
        # A corner with three faces would be left with two, back to back.
        if any(len(self.neighbours(vertex)) <= 3 for vertex in opposite):
            return False
        moved = self.around[keep] ^ self.around[gone]
        if any(self._turns_over(face, (keep, gone), place) for face in moved):
            return False
        for face in ends:
            self._remove(face)
        for face in list(self.around[gone]):
            corners = tuple(keep if vertex == gone else vertex for vertex in self.faces[face])
            self._remove(face)
            self._add(corners)  # type: ignore[arg-type]
        del self.around[gone]
        self.points[keep] = place
        return True

    def split(self, u: int, v: int) -> int:
        """Put a vertex at the middle of an edge; returns it."""
        middle = len(self.points)
        self.points.append((self.points[u] + self.points[v]) / 2)
        for face in self.shared(u, v):
            corners = self.faces[face]
            self._remove(face)
            for end in (u, v):
                self._add(tuple(middle if vertex == end else vertex for vertex in corners))  # type: ignore[arg-type]
        return middle

    def flip(self, u: int, v: int) -> bool:
        """Replace the diagonal of the quadrilateral around an edge; false where the surface forbids it."""
        faces = self.shared(u, v)
        if len(faces) != 2:
            return False
        corners = self.faces[faces[0]]
        if corners[(corners.index(u) + 1) % 3] != v:
            u, v = v, u
        a = next(iter(set(corners) - {u, v}))
        b = next(iter(set(self.faces[faces[1]]) - {u, v}))
        if b in self.neighbours(a):
            return False
        old, new = [self._normal((u, v, a)), self._normal((v, u, b))], [(a, b, v), (b, a, u)]
        average = old[0] + old[1]
        if any(
            self._normal(face) @ average < 0.3 * np.linalg.norm(self._normal(face)) * np.linalg.norm(average)
            for face in new
        ):
            return False
        for face in faces:
            self._remove(face)
        for corner in new:
            self._add(corner)
        return True

    def _turns_over(self, face: int, ends: tuple[int, int], place: FloatArray) -> bool:
        corners = [place if vertex in ends else self.points[vertex] for vertex in self.faces[face]]
        before = self._normal(self.faces[face])
        after = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        return bool(after @ before <= 0.2 * np.linalg.norm(after) * np.linalg.norm(before))

    def _normal(self, corners: tuple[int, int, int]) -> FloatArray:
        a, b, c = (self.points[vertex] for vertex in corners)
        return np.cross(b - a, c - a)

    def _add(self, corners: tuple[int, int, int]) -> None:
        self.faces[self._next_face] = corners
        for vertex in corners:
            self.around.setdefault(vertex, set()).add(self._next_face)
        self._next_face += 1

    def _remove(self, face: int) -> None:
        for vertex in self.faces.pop(face):
            self.around[vertex].discard(face)
