package jcrosvm.config;

import jcrosvm.base.VmmException;

/** A value that the user wrote cannot be read or does not fit. */
public final class ConfigException extends VmmException {
    private static final long serialVersionUID = 1L;

    private final String problem;
    private final int position;

    /**
     * @param problem what is wrong, without the place
     * @param position characters before the place, or -1 when it has none
     */
    public ConfigException(String problem, int position) {
        super(position < 0 ? problem : problem + " at position " + position);
        this.problem = problem;
        this.position = position;
    }

    public ConfigException(String problem) {
        this(problem, -1);
    }

    /** What is wrong, without the place. */
    public String problem() {
        return problem;
    }

    /** Characters before the place, or -1. */
    public int position() {
        return position;
    }
}
