package jcrosvm.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a record component means to a user that writes it as a key: for {@code --help}, the page of the options and the
 * completion. A component without it is not shown.
 *
 * <p>It is read from the class file: an annotation that reflection can see costs every start a proxy.
 */
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.RECORD_COMPONENT)
public @interface Help {
    /** A phrase without a final stop; empty where the key says it all. */
    String value() default "";

    /** How the value is named, where its type does not say it: {@code ADDRESS}. */
    String argument() default "";
}
