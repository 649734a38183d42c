"""The codes rs8 and rs16 of carousels/PROTOCOL.md, section 4.2 and 4.3, a second time.

Written from that text, without a codec of anybody.  Both codes are sums of factor times symbol in a
field where words are added by exclusive or.  A factor is itself a sum of the words 1, 2, 4, ...,
so symbols are first added up by the bits of their factors (Python's long integers do that at the
speed of memory), and only those 8 or 16 sums are multiplied.  Python 3.11, standard library only.
"""

# Section 4.3: the element of each bit of a word.
RS16_BASE = (0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
             0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E)
RS8_BASE = tuple(1 << bit for bit in range(8))
PIECE_BYTES = 64


class Field:
    """A field whose words are sums of base elements, with logarithms of words."""

    def __init__(self, modulus, base):
        self.bits, self.order = len(base), (1 << len(base)) - 1
        word_of = {0: 0}
        for bit, element in enumerate(base):
            word_of |= {other ^ element: word | 1 << bit for other, word in word_of.items()}
        self.log, self.exp = [0] * (self.order + 1), []
        element = 1
        for power in range(self.order):
            word = word_of[element]
            self.exp.append(word)
            self.log[word] = power
            element <<= 1
            if element >> self.bits:
                element ^= modulus
        if element != 1 or len(set(self.exp)) != self.order:
            raise AssertionError("the powers of the element 2 are not the whole field")

    def times(self, one, other):
        if one == 0 or other == 0:
            return 0
        return self.exp[(self.log[one] + self.log[other]) % self.order]

    def inverse(self, word):
        return self.exp[-self.log[word] % self.order]

    def inverted(self, rows):
        """The inverse of a square matrix, or None."""
        size = len(rows)
        rows = [row + [int(at == place) for at in range(size)] for place, row in enumerate(rows)]
        for at in range(size):
            pivot = next((place for place in range(at, size) if rows[place][at]), None)
            if pivot is None:
                return None
            rows[at], rows[pivot] = rows[pivot], rows[at]
            rows[at] = self._scaled(rows[at], self.inverse(rows[at][at]))
            for place in range(size):
                if place != at and rows[place][at]:
                    scaled = self._scaled(rows[at], rows[place][at])
                    rows[place] = [one ^ other for one, other in zip(rows[place], scaled)]
        return [row[size:] for row in rows]

    def _scaled(self, row, factor):
        log, exp, order, by = self.log, self.exp, self.order, self.log[factor]
        return [exp[(log[word] + by) % order] if word else 0 for word in row]


class Code:
    """What both codes have in common: K0 positions, M repair symbols of `symbol_bytes`."""

    field = None

    def __init__(self, block_symbols, repair_symbols, symbol_bytes):
        self.block_symbols, self.repair_symbols = block_symbols, repair_symbols
        self.symbol_bytes = symbol_bytes

    def factors(self, repair):
        """The factor of each position in repair symbol `repair`."""
        raise NotImplementedError

    def multiplied(self, symbol, bit):
        """A symbol times the word 1 << bit."""
        raise NotImplementedError

    def total(self, factors, symbols):
        """The sum of factor times symbol; symbols are integers of symbol_bytes bytes."""
        sums = [0] * self.field.bits
        for factor, symbol in zip(factors, symbols):
            bit = 0
            while factor:
                if factor & 1:
                    sums[bit] ^= symbol
                factor >>= 1
                bit += 1
        result = 0
        for bit, one in enumerate(sums):
            if one:
                product = self.multiplied(one.to_bytes(self.symbol_bytes, "big"), bit)
                result ^= int.from_bytes(product, "big")
        return result

    def encode(self, source, repair):
        """Repair symbol `repair` of the K0 symbols `source`, as bytes."""
        symbols = [int.from_bytes(symbol, "big") for symbol in source]
        return self.total(self.factors(repair), symbols).to_bytes(self.symbol_bytes, "big")

    def recover(self, held, repair, missing):
        """The symbols at `missing`, from those `held` by position (virtual ones may be left out, as
        they are zero) and as many `repair` symbols by their index.  Bytes in, bytes out."""
        used = sorted(repair)[:len(missing)]
        if len(used) < len(missing):
            raise ValueError(f"{len(missing)} symbols are missing, {len(used)} repair symbols held")
        places = sorted(held)
        known = [int.from_bytes(held[place], "big") for place in places]
        rows, rests = [], []
        for index in used:
            factors = self.factors(index)
            rows.append([factors[place] for place in missing])
            rest = self.total([factors[place] for place in places], known)
            rests.append(rest ^ int.from_bytes(repair[index], "big"))
        inverse = self.field.inverted(rows)
        if inverse is None:
            raise ValueError("the equations of these repair symbols have no solution")
        return {place: self.total(row, rests).to_bytes(self.symbol_bytes, "big")
                for place, row in zip(missing, inverse)}


def exclusive_or(one, other):
    length = len(one)
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(length, "big")


class Rs8(Code):
    """Section 4.2: position j has the point j, repair symbol r the point K0 + r."""

    MOST = 200

    def __init__(self, block_symbols, symbol_bytes):
        Rs8.field = Rs8.field or Field(0x11D, RS8_BASE)
        super().__init__(block_symbols, 255 - block_symbols, symbol_bytes)
        log = self.field.log
        self.below = [sum(log[point ^ other] for other in range(block_symbols) if other != point)
                      for point in range(block_symbols)]
        self.tables = [bytes(self.field.times(1 << bit, word) for word in range(256))
                       for bit in range(8)]

    def factors(self, repair):
        log, exp, order = self.field.log, self.field.exp, self.field.order
        at = self.block_symbols + repair
        above = sum(log[at ^ point] for point in range(self.block_symbols))
        return [exp[(above - log[at ^ point] - below) % order]
                for point, below in enumerate(self.below)]

    def multiplied(self, symbol, bit):
        return symbol.translate(self.tables[bit])


class Rs16(Code):
    """Section 4.3: position j has the point M + j in a polynomial for every M positions, repair
    symbol r the point r."""

    MOST = 24_576

    def __init__(self, block_symbols, symbol_bytes):
        Rs16.field = Rs16.field or Field(0x1002D, RS16_BASE)
        repair_symbols = 1
        while repair_symbols < -(-block_symbols // 3):
            repair_symbols *= 2
        super().__init__(block_symbols, repair_symbols, symbol_bytes + symbol_bytes % 2)
        times = self.field.times
        # Of the product, the low and the high byte; of the word, the low and the high byte.
        self.tables = [[bytes(times(1 << bit, byte << shift) >> part & 0xFF for byte in range(256))
                        for part in (0, 8) for shift in (0, 8)] for bit in range(16)]
        # M is a power of two, so two points of a group differ by one of the words 1 to M - 1.
        self.below = sum(self.field.log[difference] for difference in range(1, repair_symbols))

    def factors(self, repair):
        log, exp, order, size = self.field.log, self.field.exp, self.field.order, self.repair_symbols
        factors = []
        for first in range(size, size + self.block_symbols, size):
            logs = [log[repair ^ point] for point in range(first, first + size)]
            above = sum(logs) - self.below
            factors += [exp[(above - one) % order] for one in logs]
        return factors[:self.block_symbols]

    def multiplied(self, symbol, bit):
        low, high = [], []
        for start in range(0, len(symbol), PIECE_BYTES):
            piece = symbol[start:start + PIECE_BYTES]
            low.append(piece[:len(piece) // 2])
            high.append(piece[len(piece) // 2:])
        low, high = b"".join(low), b"".join(high)
        low_low, low_high, high_low, high_high = self.tables[bit]
        products = (exclusive_or(low.translate(low_low), high.translate(low_high)),
                    exclusive_or(low.translate(high_low), high.translate(high_high)))
        result = bytearray()
        for start in range(0, len(low), PIECE_BYTES // 2):
            for product in products:
                result += product[start:start + PIECE_BYTES // 2]
        return bytes(result)
