package jcrosvm.control;

/** What the server answers. */
public sealed interface Reply {
    /** The request was carried out. */
    record Ok() implements Reply {}

    /** It was not: the errno says why. */
    record Err(int errno) implements Reply {}
}
