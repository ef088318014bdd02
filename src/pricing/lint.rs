//! What a person should look at in price files that are otherwise sound: [`lint`].
