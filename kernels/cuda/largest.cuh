// The largest element of a window and its place there: the first of equals. NaN counts as larger than any number.

struct Largest {
    real value;
    int place;  // -1 before the first

    __device__ void meet(real candidate, int where) {
        // !(a <= b) instead of a > b lets NaN win; once it has, value == value is false
        if (place < 0 || (!(candidate <= value) && value == value)) {
            value = candidate;
            place = where;
        }
    }
};
