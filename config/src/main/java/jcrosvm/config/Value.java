package jcrosvm.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a user wrote, parsed but not yet given a type; or what is to be written as JSON. Whether {@code [a=b]} is a list of one string or a record with one
 * key is not known before a target type is: brackets therefore stay {@link Group}s until {@link RecordBinder} reads
 * them.
 */
public sealed interface Value {
    /** The position of what was not read anywhere. */
    int NO_POSITION = -1;

    /** Characters before this value in its source. */
    int position();

    /** A short description for messages. */
    String describe();

    /** How a text was spelled, which decides what it may stand for. */
    enum Form {
        /** Unquoted on a command line: any scalar. */
        WORD,
        /** Quoted on a command line: only a string. */
        QUOTED,
        /** A JSON string: a string or a name. */
        JSON_STRING,
        /** A JSON number, {@code true} or {@code false}. */
        JSON_LITERAL,
        /** JSON's {@code null}: as if the key were not there. */
        JSON_NULL
    }

    /** A scalar. */
    record Text(String text, int position, Form form) implements Value {
        @Override
        public String describe() {
            return "'" + text + "'";
        }
    }

    /** What kind of brackets a group has. */
    enum Brackets {
        /** A whole option value, which needs none. */
        NONE,
        /** Square brackets of the key-value syntax: a list, a tuple or a record. */
        SQUARE,
        /** A JSON array. */
        ARRAY,
        /** A JSON object. */
        OBJECT
    }

    /**
     * Several entries.
     *
     * @param tag the word directly before the opening bracket: an enum variant's name
     * @param closing position of the end, for what is missing
     */
    record Group(@Nullable String tag, int position, Brackets brackets, List<Entry> entries, int closing)
            implements Value {
        public Group {
            entries = List.copyOf(entries);
        }

        Group with(List<Entry> others) {
            return new Group(tag, position, brackets, others, closing);
        }

        @Override
        public String describe() {
            return switch (brackets) {
                case OBJECT -> "an object";
                case ARRAY -> "an array";
                case NONE, SQUARE -> tag == null ? "a list" : "'" + tag + "[...]'";
            };
        }
    }

    /**
     * One part of a group.
     *
     * @param key the word before {@code =}, or null
     * @param position of the key, or of the value when there is none
     */
    record Entry(@Nullable String key, int position, Value value) {
        /** An entry of a JSON object. */
        public Entry(String key, Value value) {
            this(key, NO_POSITION, value);
        }
    }

    /** The whole of a word that is not in the key-value syntax. */
    static Text word(String text) {
        return new Text(text, 0, Form.WORD);
    }

    /** A JSON string. */
    static Text string(String text) {
        return new Text(text, NO_POSITION, Form.JSON_STRING);
    }

    /** A JSON number, or {@code true}, {@code false}. */
    static Text literal(String text) {
        return new Text(text, NO_POSITION, Form.JSON_LITERAL);
    }

    /** JSON's {@code null}. */
    static Text ofNull() {
        return new Text("null", NO_POSITION, Form.JSON_NULL);
    }

    /** A JSON object. */
    static Group object(List<Entry> entries) {
        return new Group(null, NO_POSITION, Brackets.OBJECT, entries, NO_POSITION);
    }
}
